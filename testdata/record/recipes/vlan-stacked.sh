# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping curl nginx-light'
versions='encapsulate=(here) curl nginx-light'
ready='tcp/80'
expect='ieee8021ad.id==20 && vlan.id==10 && http'
protocols='icmp icmpv6 http'
shows='Two VLAN tags (0x88a8, then 0x8100): echo and HTTP over IPv4 and IPv6'

server() { encapsulated_server qinq; }

client() { encapsulated_client qinq; }
