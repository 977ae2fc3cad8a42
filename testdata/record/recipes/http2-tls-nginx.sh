# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl'
ready='tcp/443'
expect='tls.handshake.extensions_alpn_str=="h2"'
protocols='tls'
shows='HTTP/2 over TLS 1.2, so that the chosen ALPN h2 is in clear'

server() {
	mkdir www && body 100 >www/index.html
	authority && issued www www.example.com && cp ca.pem "$SHARED"
	nginx_conf "root $HOME/www; listen 443 ssl http2; ssl_protocols TLSv1.2; ssl_certificate $HOME/www.pem; ssl_certificate_key $HOME/www.key;"
	nginx -c "$HOME/nginx.conf"
}

client() {
	curl -s --http2 --cacert "$SHARED/ca.pem" https://www.example.com/
}
