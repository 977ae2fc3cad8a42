# shellcheck shell=bash disable=SC2034
packages='nghttp2-server nghttp2-client'
ready='tcp/80'
expect='http.upgrade=="h2c";http2.headers'
protocols='http2'
shows='HTTP/1.1 that is upgraded to HTTP/2 in clear (h2c, RFC 7540)'

server() {
	mkdir www && body 300 >www/index.html
	nghttpd --no-tls -d "$HOME/www" 80
}

client() {
	nghttp -u http://server.example.com/index.html
}
