# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='dnsmasq-base isc-dhcp-client'
ready='udp/547'
expect='dhcpv6.msgtype==1;dhcpv6.msgtype==2;dhcpv6.msgtype==3;dhcpv6.msgtype==7'
protocols='dhcpv6'
shows='DHCPv6: solicit, advertise, request, reply, release, with a name of the client; router advertisements'

server() {
	dnsmasq -k -C /dev/null --port=0 --user=root --log-facility=- --enable-ra --dhcp-range=2001:db8::100,2001:db8::1ff,64,1h \
		'--dhcp-option=option6:dns-server,[2001:db8::20]' --domain=example.com
}

client() {
	echo 'send fqdn.fqdn "laptop.example.com.";' >dhclient.conf
	dhclient -6 -1 -v -cf dhclient.conf -lf "$HOME/leases" -pf /run/dhclient6.pid -sf /bin/true eth0
	dhclient -6 -r -v -cf dhclient.conf -lf "$HOME/leases" -pf /run/dhclient6.pid -sf /bin/true eth0
}
