# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl'
ready='tcp/443'
expect='tls.handshake.type==1 && tls.handshake.extensions_server_name=="www.example.com";tls.handshake.extensions.supported_version==0x0304 && tls.handshake.type==2'
protocols='tls'
shows='TLS 1.3: X25519, and a HelloRetryRequest when only P-384 is offered'

server() {
	mkdir www && body 100 >www/index.html
	authority && issued www www.example.com && cp ca.pem "$SHARED"
	nginx_conf "root $HOME/www; listen 443 ssl; listen [::]:443 ssl; ssl_protocols TLSv1.3; ssl_ecdh_curve X25519:P-384;
		ssl_certificate $HOME/www.pem; ssl_certificate_key $HOME/www.key;"
	nginx -c "$HOME/nginx.conf"
}

client() {
	curl -s --cacert "$SHARED/ca.pem" https://www.example.com/
	curl -s --cacert "$SHARED/ca.pem" --curves P-256:P-384 -4 https://www.example.com/
}
