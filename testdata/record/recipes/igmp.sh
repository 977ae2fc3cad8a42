# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='socat'
expect='igmp;igmp.type==0x22;icmpv6.type==143;udp.dstport==5007'
protocols='igmp icmpv6'
shows='Joining and leaving multicast groups: IGMP version 3 and version 2, MLD version 2, and a datagram to a group'

server() { :; }

client() {
	timeout 1 socat -u UDP4-RECV:5007,ip-add-membership=233.252.0.1:192.0.2.10 - || true
	echo hello | socat -u - UDP4-DATAGRAM:233.252.0.1:5007,ip-multicast-if=192.0.2.10
	timeout 1 socat -u 'UDP6-RECV:5007,ipv6-join-group=[ff0e::db8:1]:eth0' - || true
	echo 2 >/proc/sys/net/ipv4/conf/eth0/force_igmp_version
	timeout 1 socat -u UDP4-RECV:5007,ip-add-membership=233.252.0.2:192.0.2.10 - || true
}
