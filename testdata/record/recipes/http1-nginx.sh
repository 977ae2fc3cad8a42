# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl'
ready='tcp/80'
expect='http.request.method==GET;http.request.method==POST;http.response.code==404'
protocols='http'
shows='HTTP/1.1: GET, HEAD, POST, 404, two requests on one connection, over IPv4 and IPv6'

server() {
	mkdir -p www && body 300 >www/index.html
	nginx_conf "root $HOME/www; listen 80; listen [::]:80; location /form { return 204; }"
	nginx -c "$HOME/nginx.conf"
}

client() {
	curl -s http://www.example.com/ http://www.example.com/index.html -o /dev/null -o /dev/null
	curl -s -6 -I http://www.example.com/
	curl -s -4 -d name=value http://www.example.com/form
	curl -s -4 http://www.example.com/missing
}
