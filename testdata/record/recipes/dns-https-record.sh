# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='unbound knot-dnsutils'
ready='udp/53'
expect='dns.qry.type==65 && dns.flags.response==1;dns.qry.type==64;dns.qry.type==257'
protocols='dns'
shows='DNS records of type HTTPS and SVCB (RFC 9460), with ALPN and address hints, and CAA and TLSA'

server() {
	cat >unbound.conf <<-END
		server:
		  interface: 0.0.0.0
		  access-control: 192.0.2.0/24 allow
		  do-daemonize: no
		  username: ""
		  chroot: ""
		  pidfile: ""
		  use-syslog: no
		  local-zone: example.com static
		  local-data: 'www.example.com HTTPS 1 . alpn="h3,h2" ipv4hint="192.0.2.80" ipv6hint="2001:db8::80"'
		  local-data: '_dns.example.com SVCB 1 dns.example.com. alpn="dot"'
		  local-data: 'example.com CAA 0 issue "ca.example.net"'
		  local-data: '_443._tcp.www.example.com TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'
		remote-control:
		  control-enable: no
	END
	unbound -d -c unbound.conf
}

client() {
	kdig @192.0.2.20 www.example.com TYPE65
	kdig @192.0.2.20 _dns.example.com TYPE64
	kdig @192.0.2.20 example.com CAA
	kdig @192.0.2.20 _443._tcp.www.example.com TLSA
}
