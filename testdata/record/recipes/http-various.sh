# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl'
ready='tcp/80 tcp/8080'
expect='http.transfer_encoding=="chunked";http.authorization;http.response.code==301;http.response.code==206;http.request.method=="PUT";http.request.method=="OPTIONS"'
protocols='http'
shows='HTTP/1.1 and 1.0: chunked upload, basic authentication, redirection, a range, PUT, OPTIONS, a request with 100-continue, port 8080'

server() {
	mkdir www && body 3000 >www/index.html
	nginx_conf "root $HOME/www; listen 80; listen 8080; location = /old { return 301 http://www.example.com/; } location /put { return 201; }"
	nginx -c "$HOME/nginx.conf"
}

client() {
	local url=http://server.example.com
	curl -sS -L "$url/old" -o body
	curl -sS -0 "$url/" -o body
	curl -sS -r 10-20 "$url/"
	curl -sS -u alice:secret "$url/" -o body
	curl -sS -T body "$url/put"
	curl -sS -H 'Expect: 100-continue' -T body "$url/put"
	body 500 | curl -sS -T - "$url/put"
	curl -sS -X OPTIONS "$url/put"
	curl -sS --compressed -A 'Mozilla/5.0 (example)' "$url:8080/" -o body
}
