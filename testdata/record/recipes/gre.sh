# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping curl nginx-light'
versions='encapsulate=(here) curl nginx-light'
ready='tcp/80'
expect='gre && http;gre && icmpv6;gre.key==42'
protocols='gre icmp icmpv6 http'
shows='GRE with a key: echo and HTTP over IPv4 and IPv6'

server() { encapsulated_server gre; }

client() { encapsulated_client gre; }
