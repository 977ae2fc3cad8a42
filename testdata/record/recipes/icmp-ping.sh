# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping traceroute'
expect='icmp.type==8;icmp.type==0;icmp.type==3;icmpv6.type==128;icmpv6.type==129;ip.flags.mf==1;ipv6.fraghdr.more==1;icmpv6.type==1'
protocols='icmp icmpv6'
shows='Echo over IPv4 and IPv6, small and in fragments, and ports that are unreachable'

server() { :; }

client() {
	ping -c 3 -i 0.2 192.0.2.20
	ping -c 1 -s 3000 192.0.2.20
	ping -c 3 -i 0.2 2001:db8::20
	ping -c 1 -s 3000 2001:db8::20
	traceroute -n -q 1 -m 2 192.0.2.20
	traceroute -6 -n -q 1 -m 2 2001:db8::20
}
