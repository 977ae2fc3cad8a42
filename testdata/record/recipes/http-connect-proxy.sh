# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='tinyproxy-bin curl nginx-light'
ready='tcp/8888 tcp/443'
expect='http.request.method==CONNECT;http.request.uri contains "http://www.example.com/";tls.handshake.type==1'
protocols='http-connect http-proxy'
shows='An HTTP proxy: CONNECT with TLS inside it, and a GET of an absolute URL'

server() {
	mkdir www && body 100 >www/index.html
	authority && issued www www.example.com && cp ca.pem "$SHARED"
	nginx_conf "root $HOME/www; listen 80; listen 443 ssl; ssl_certificate $HOME/www.pem; ssl_certificate_key $HOME/www.key;"
	nginx -c "$HOME/nginx.conf"
	printf '%s\n' 'User root' 'Group root' 'Port 8888' 'Timeout 30' 'Allow 192.0.2.0/24' >tinyproxy.conf
	tinyproxy -d -c tinyproxy.conf
}

client() {
	curl -s -x http://192.0.2.20:8888 --cacert "$SHARED/ca.pem" https://www.example.com/
	curl -s -x http://192.0.2.20:8888 http://www.example.com/
}
