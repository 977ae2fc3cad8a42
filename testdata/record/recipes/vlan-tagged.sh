# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping curl nginx-light'
versions='encapsulate=(here) curl nginx-light'
ready='tcp/80'
expect='vlan.id==10 && http;vlan.id==10 && icmpv6;vlan.id==10 && arp'
protocols='icmp icmpv6 http'
shows='One VLAN tag (IEEE 802.1Q): echo and HTTP over IPv4 and IPv6'

server() { encapsulated_server vlan; }

client() { encapsulated_client vlan; }
