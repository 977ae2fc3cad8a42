# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='curl bind9-dnsutils ntpsec-ntpdig'
versions='curl bind9-dnsutils'
expect='tcp.flags.reset==1;icmp.type==3 && icmp.code==3;tcp.flags==0x0002'
protocols='dns icmp'
shows='Flows that get no answer: a refused TCP connection, a DNS query to a closed port, a SYN to a host that drops'

server() {
	ip address add 192.0.2.99/24 dev eth0
	ip route add blackhole 192.0.2.10/32 table 99
	ip rule add from 192.0.2.99 table 99
}

client() {
	curl -sS http://192.0.2.20/ || true
	dig +tries=1 +time=1 @192.0.2.20 www.example.com || true
	curl -sS --connect-timeout 4 http://192.0.2.99/ || true
}
