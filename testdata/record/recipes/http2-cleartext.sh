# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl'
ready='tcp/80'
expect='http2.magic;http2.headers'
protocols='http2'
shows='HTTP/2 in clear, with prior knowledge: one GET, one POST'

server() {
	mkdir www && body 300 >www/index.html
	nginx_conf "root $HOME/www; listen 80 http2; location /form { return 204; }"
	nginx -c "$HOME/nginx.conf"
}

client() {
	curl -s --http2-prior-knowledge http://www.example.com/
	curl -s --http2-prior-knowledge -d name=value http://www.example.com/form
}
