# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nghttp2-proxy nghttp2-client nginx-light'
versions='nghttp2-proxy nghttp2-client'
ready='tcp/80'
expect='http.upgrade=="h2c";http2.headers'
protocols='http2'
shows='HTTP/1.1 that is upgraded to HTTP/2 in clear (h2c, RFC 7540)'

server() {
	mkdir www && body 300 >www/index.html
	nginx_conf "root $HOME/www; listen 127.0.0.1:8080;"
	nginx -c "$HOME/nginx.conf"
	nghttpx --conf=/dev/null -f '0.0.0.0,80;no-tls' -b '127.0.0.1,8080'
}

client() {
	nghttp -u http://server.example.com/index.html
}
