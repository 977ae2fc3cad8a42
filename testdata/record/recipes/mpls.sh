# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping curl nginx-light'
versions='encapsulate=(here) curl nginx-light'
ready='tcp/80'
expect='mpls && http;mpls.label==17'
protocols='icmp icmpv6 http'
shows='MPLS with two labels: echo and HTTP over IPv4 and IPv6'

server() { encapsulated_server mpls; }

client() { encapsulated_client mpls; }
