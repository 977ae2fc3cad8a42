# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='dante-server curl nginx-light'
ready='tcp/1080 tcp/80'
expect='socks.version==5;socks.version==4'
protocols='socks http'
shows='SOCKS 5 (address and host name) and SOCKS 4 and 4a, with an HTTP request inside each'

server() {
	mkdir www && body 100 >www/index.html
	nginx_conf "root $HOME/www; listen 80;"
	nginx -c "$HOME/nginx.conf"
	cat >danted.conf <<-END
		logoutput: stderr
		internal: 192.0.2.20 port = 1080
		external: 192.0.2.20
		user.privileged: root
		user.unprivileged: root
		clientmethod: none
		socksmethod: none
		client pass { from: 192.0.2.0/24 to: 0.0.0.0/0 }
		socks pass { from: 192.0.2.0/24 to: 0.0.0.0/0 }
	END
	danted -f danted.conf
}

client() {
	curl -sS --socks5 192.0.2.20 http://192.0.2.20/
	curl -sS --socks5-hostname 192.0.2.20 http://www.example.com/
	curl -sS --socks4 192.0.2.20 http://192.0.2.20/
	curl -sS --socks4a 192.0.2.20 http://www.example.com/ || true # dante refuses names in version 4
}
