# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iputils-ping curl nginx-light'
versions='encapsulate=(here) curl nginx-light'
ready='tcp/80'
expect='ip.proto==4 && http'
protocols='ipip icmp http'
shows='IPv4 in IPv4: echo and HTTP'

server() { encapsulated_server ipip; }

client() { encapsulated_client ipip; }
