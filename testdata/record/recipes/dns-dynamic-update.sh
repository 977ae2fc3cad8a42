# shellcheck shell=bash disable=SC2034,SC2016
# SPDX-License-Identifier: Apache-2.0
packages='knot knot-dnsutils'
ready='udp/53 tcp/53'
expect='dns.flags.opcode==5;dns.qry.type==252;dns.qry.type==1'
protocols='dns'
shows='DNS besides queries: dynamic update, zone transfer over TCP, DNSSEC answers of a signed zone'

server() {
	mkdir -p /run/knot zones
	printf '%s\n' '$ORIGIN example.com.' '@ 60 SOA ns admin 1 60 60 60 60' '@ 60 NS ns' 'ns 60 A 192.0.2.20' 'www 60 A 192.0.2.80' >zones/example.com.zone
	cat >knot.conf <<-END
		server:
		    listen: 192.0.2.20@53
		    rundir: $HOME
		database:
		    storage: $HOME/zones
		acl:
		  - id: all
		    address: 192.0.2.0/24
		    action: [update, transfer]
		zone:
		  - domain: example.com
		    storage: $HOME/zones
		    acl: all
		    dnssec-signing: on
	END
	knotd -c knot.conf
}

client() {
	printf '%s\n' 'server 192.0.2.20' 'zone example.com' 'add new.example.com 60 A 192.0.2.81' 'send' 'quit' | knsupdate
	kdig @192.0.2.20 example.com AXFR
	kdig +dnssec @192.0.2.20 www.example.com A
	kdig +dnssec @192.0.2.20 missing.example.com A
}
