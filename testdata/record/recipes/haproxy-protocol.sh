# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='haproxy curl nginx-light'
versions='haproxy'
ready='tcp/80 tcp/81'
expect='tcp.payload contains "PROXY TCP4 ";tcp.payload[0:12]==0d:0a:0d:0a:00:0d:0a:51:55:49:54:0a'
protocols='http'
shows='HTTP from HAProxy, behind a PROXY header of version 1 and of version 2'

server() {
	mkdir www && body 100 >www/index.html
	nginx_conf "root $HOME/www; listen 80 proxy_protocol; listen 81 proxy_protocol;"
	nginx -c "$HOME/nginx.conf"
}

client() {
	printf '%s\n' 'defaults' 'mode tcp' 'timeout connect 5s' 'timeout client 5s' 'timeout server 5s' \
		'listen one' 'bind 127.0.0.1:8001' 'server s 192.0.2.20:80 send-proxy' \
		'listen two' 'bind 127.0.0.1:8002' 'server s 192.0.2.20:81 send-proxy-v2' >haproxy.cfg
	haproxy -D -f haproxy.cfg
	sleep 0.5
	curl -sS http://127.0.0.1:8001/
	curl -sS http://127.0.0.1:8002/
}
