# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='dnsmasq-base bind9-dnsutils'
ready='udp/53 tcp/53'
expect='dns.qry.type==1;dns.qry.type==28;dns.qry.type==5;dns.qry.type==16;dns.qry.type==15;dns.qry.type==12;dns.qry.type==33;dns.flags.rcode==3;dns && tcp;dns.resp.type==41;dns && ipv6'
protocols='dns'
shows='DNS: A, AAAA, CNAME, TXT, MX, PTR, SRV, a name that does not exist, with and without EDNS, over UDP and TCP, IPv4 and IPv6'

server() {
	dnsmasq -k -C /dev/null --no-resolv --no-hosts --user=root --log-facility=- --auth-server=ns.example.com \
		--auth-zone=example.com --host-record=www.example.com,192.0.2.80,2001:db8::80 \
		--cname=alias.example.com,www.example.com --txt-record=example.com,"v=spf1 -all" \
		--mx-host=example.com,mail.example.com,10 --host-record=mail.example.com,192.0.2.25 \
		--srv-host=_sip._udp.example.com,www.example.com,5060 --local=/example.com/ --local=/2.0.192.in-addr.arpa/
}

client() {
	local query
	for query in 'www.example.com A' 'www.example.com AAAA' 'alias.example.com A' 'alias.example.com CNAME' \
		'example.com TXT' 'example.com MX' 'missing.example.com A' '_sip._udp.example.com SRV' '-x 192.0.2.80' \
		'+noedns www.example.com A' '+tcp www.example.com A' '+tcp example.com TXT' '+bufsize=512 +dnssec www.example.com A'; do
		# shellcheck disable=SC2086
		dig +tries=1 +time=2 @192.0.2.20 $query
	done
	dig +tries=1 +time=2 @2001:db8::20 www.example.com AAAA
}
