# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping curl nginx-light'
versions='encapsulate=(here) curl nginx-light'
ready='tcp/80'
expect='pppoes && http;pppoes && icmpv6'
protocols='icmp icmpv6 http'
shows='PPPoE session packets: echo and HTTP over IPv4 and IPv6'

server() { encapsulated_server pppoe; }

client() { encapsulated_client pppoe; }
