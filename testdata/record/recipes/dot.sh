# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='unbound knot-dnsutils'
ready='tcp/853'
expect='tls.handshake.type==1 && tcp.dstport==853'
protocols='dot'
shows='DNS over TLS: two queries on one connection, SNI dns.example.com'

server() {
	certificate dns dns.example.com
	cat >unbound.conf <<-END
		server:
		  interface: 0.0.0.0@853
		  tls-port: 853
		  tls-service-key: $HOME/dns.key
		  tls-service-pem: $HOME/dns.pem
		  access-control: 192.0.2.0/24 allow
		  do-daemonize: no
		  username: ""
		  chroot: ""
		  pidfile: ""
		  use-syslog: no
		  local-zone: example.com static
		  local-data: "www.example.com A 192.0.2.80"
		  local-data: "www.example.com AAAA 2001:db8::80"
		remote-control:
		  control-enable: no
	END
	unbound -d -c unbound.conf
}

client() {
	kdig +tls +tls-sni=dns.example.com +keepopen @192.0.2.20 www.example.com A www.example.com AAAA
}
