# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl openssl'
ready='tcp/443'
expect='tls.handshake.type==1 && tls.handshake.extensions_server_name=="www.example.com";tls.handshake.type==11'
protocols='tls'
shows='TLS 1.2: ClientHello with SNI and ALPN, a certificate chain in clear, a resumed session'

server() {
	mkdir www && body 100 >www/index.html
	authority && issued www www.example.com && cat ca.pem >>www.pem && cp ca.pem "$SHARED"
	nginx_conf "root $HOME/www; listen 443 ssl; ssl_protocols TLSv1.2; ssl_certificate $HOME/www.pem; ssl_certificate_key $HOME/www.key;"
	nginx -c "$HOME/nginx.conf"
}

client() {
	curl -s --cacert "$SHARED/ca.pem" https://www.example.com/
	openssl s_client -connect www.example.com:443 -servername www.example.com -sess_out session </dev/null
	openssl s_client -connect www.example.com:443 -servername www.example.com -sess_in session </dev/null
}
