# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='fcgiwrap nginx-light curl'
ready='tcp/9000'
expect='tcp.payload contains "SCRIPT_FILENAME"'
protocols='fastcgi'
shows='FastCGI: one request of nginx'

server() {
	printf '%s\n' '#!/bin/sh' 'echo "Content-Type: text/plain"' 'echo' 'echo hello' >hello && chmod 755 hello . && cp hello /tmp
	fcgiwrap -s tcp:192.0.2.20:9000
}

client() {
	nginx_conf "listen 127.0.0.1:80; location / { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME /tmp/hello; fastcgi_pass 192.0.2.20:9000; }"
	nginx -c "$HOME/nginx.conf"
	sleep 0.5
	curl -sS http://127.0.0.1/
}
