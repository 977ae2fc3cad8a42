# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='llmnrd'
ready='udp/5355'
expect='llmnr && dns.flags.response==0;llmnr && dns.flags.response==1'
protocols='llmnr'
shows='LLMNR: the names of a neighbour (A and AAAA) and of nobody, over IPv4 and IPv6'

server() {
	llmnrd -6 -H server -i eth0
}

client() {
	llmnr-query -c 1 -T A server
	llmnr-query -c 1 -T AAAA server
	llmnr-query -c 1 -6 -I eth0 -T AAAA server
	llmnr-query -c 1 -T A nobody || true
}
