# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='xl2tpd'
ready='udp/1701'
expect='l2tp'
protocols='l2tp'
shows='L2TP version 2: tunnel and session set up; PPP ends early, for want of it in the kernel'

server() {
	mkdir -p /run/xl2tpd
	printf '%s\n' '[global]' 'port = 1701' 'access control = no' '[lns default]' 'ip range = 198.51.100.10-198.51.100.20' 'local ip = 198.51.100.1' \
		'require authentication = no' 'name = server' >xl2tpd.conf
	xl2tpd -D -c xl2tpd.conf -s /dev/null -p /run/xl2tpd.pid
}

client() {
	mkdir -p /run/xl2tpd
	printf '%s\n' '[global]' 'access control = no' '[lac site]' 'lns = 192.0.2.20' 'autodial = yes' 'name = client' >xl2tpd.conf
	timeout 5 xl2tpd -D -c xl2tpd.conf -s /dev/null -p /run/xl2tpd.pid || true
}
