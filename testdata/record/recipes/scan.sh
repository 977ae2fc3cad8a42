# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nmap nginx-light'
versions='nmap'
ready='tcp/80'
expect='tcp.flags.reset==1;tcp.flags==0x0002;icmp.type==3'
protocols='icmp http'
shows='A scan by nmap: half-open connections, closed and filtered ports, UDP without answers'

server() {
	mkdir www && body 100 >www/index.html
	nginx_conf "root $HOME/www; listen 80;"
	nginx -c "$HOME/nginx.conf"
}

client() {
	nmap -n -Pn -sS -p 20-30,80 --max-retries 1 192.0.2.20
	nmap -n -Pn -sU -p 53,123,161 --max-retries 1 192.0.2.20
	nmap -n -Pn -sV --version-light -p 80 192.0.2.20
	nmap -n -Pn -sX -p 80 192.0.2.20
}
