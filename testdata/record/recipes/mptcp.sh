# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='mptcpize nginx-light curl'
ready='tcp/80'
expect='tcp.options.mptcp.subtype==0;http'
protocols='http'
shows='HTTP over Multipath TCP (RFC 8684), one path'

server() {
	mkdir www && body 3000 >www/index.html
	nginx_conf "root $HOME/www; listen 80;"
	mptcpize run nginx -c "$HOME/nginx.conf"
}

client() { mptcpize run curl -sS http://server.example.com/; }
