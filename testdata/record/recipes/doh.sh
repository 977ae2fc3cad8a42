# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='unbound knot-dnsutils'
ready='tcp/443'
expect='tls.handshake.extensions_server_name=="dns.example.com"'
protocols='tls'
shows='DNS over HTTPS: one query, SNI dns.example.com, which tells no more than TLS'

server() {
	certificate dns dns.example.com
	cat >unbound.conf <<-END
		server:
		  interface: 0.0.0.0@443
		  https-port: 443
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
		remote-control:
		  control-enable: no
	END
	unbound -d -c unbound.conf
}

client() {
	kdig +https +tls-sni=dns.example.com @192.0.2.20 www.example.com A
}
