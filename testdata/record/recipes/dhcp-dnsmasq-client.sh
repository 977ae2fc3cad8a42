# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='dnsmasq-base udhcpc isc-dhcp-client'
addresses=no
ready='udp/67'
expect='dhcp.option.dhcp==1;dhcp.option.dhcp==2;dhcp.option.dhcp==3;dhcp.option.dhcp==5;dhcp.option.hostname=="laptop";dhcp.option.dhcp==7'
protocols='dhcp'
shows='DHCP: discover, offer, request, ack and release, with host names, by udhcpc and by dhclient'

server() {
	dnsmasq -k -C /dev/null --port=0 --user=root --log-facility=- --dhcp-range=192.0.2.100,192.0.2.110,1h \
		--dhcp-option=option:router,192.0.2.20 --dhcp-option=option:dns-server,192.0.2.20 --domain=example.com
}

client() {
	udhcpc -i eth0 -f -q -n -R -x hostname:laptop -V weir-test -s /bin/true
	printf '%s\n' 'send host-name "phone";' 'request subnet-mask, routers, domain-name-servers, host-name;' >dhclient.conf
	dhclient -4 -1 -v -cf dhclient.conf -lf "$HOME/leases" -pf /run/dhclient.pid -sf /bin/true eth0
	ip address add 192.0.2.104/24 dev eth0 # dhclient sends the release from its own socket
	dhclient -4 -r -v -cf dhclient.conf -lf "$HOME/leases" -pf /run/dhclient.pid -sf /bin/true eth0
}
