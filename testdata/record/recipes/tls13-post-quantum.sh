# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light'
go=yes
versions='go=1.26 nginx-light'
ready='tcp/443'
expect='tls.handshake.extensions_key_share_group==4588'
protocols='tls'
shows='TLS 1.3 from Go: the X25519MLKEM768 key share makes a ClientHello of two segments, HTTP/2 by ALPN'

server() {
	mkdir www && body 100 >www/index.html
	authority && issued www www.example.com && cp ca.pem "$SHARED"
	nginx_conf "root $HOME/www; listen 443 ssl http2; listen [::]:443 ssl http2; ssl_protocols TLSv1.3; ssl_certificate $HOME/www.pem; ssl_certificate_key $HOME/www.key;"
	nginx -c "$HOME/nginx.conf"
}

client() {
	/mnt/record get -tcp -ca "$SHARED/ca.pem" https://www.example.com/
}
