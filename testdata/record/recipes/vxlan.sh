# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping curl nginx-light'
versions='linux=6.18 curl nginx-light'
ready='tcp/80'
expect='vxlan.vni==42;vxlan && icmp;vxlan && http'
protocols='icmp http'
shows='VXLAN of the kernel, with a ping and an HTTP request inside'

tunnel() { # ADDRESS PEER
	ip link add vx0 address "02:00:00:00:00:${1##*.}" type vxlan id 42 remote "$2" dstport 4789 dev eth0
	ip address add "$1/24" dev vx0
	ip link set vx0 up
}

server() {
	mkdir www && body 100 >www/index.html
	tunnel 198.51.100.20 192.0.2.10
	nginx_conf "root $HOME/www; listen 80;"
	nginx -c "$HOME/nginx.conf"
}

client() {
	tunnel 198.51.100.10 192.0.2.20
	ping -c 2 -i 0.2 198.51.100.20
	curl -s http://198.51.100.20/
}
