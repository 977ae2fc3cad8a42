# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='miniupnpd-nftables nftables natpmpc miniupnpc'
versions='miniupnpd-nftables natpmpc miniupnpc'
ready='udp/5351'
expect='nat-pmp;http'
protocols='nat-pmp ssdp http'
shows='NAT-PMP (refused, for want of a public address): address and mapping asked of a gateway; the same with UPnP (SSDP, then SOAP over HTTP)'

server() {
	ip link add wan0 type veth peer name wan1
	ip link set wan0 up && ip link set wan1 up
	ip address add 203.0.113.5/24 dev wan0
	printf '%s\n' 'ext_ifname=wan0' 'listening_ip=eth0' 'enable_natpmp=yes' 'enable_upnp=yes' 'secure_mode=yes' 'http_port=5000' \
		'uuid=00000000-0000-4000-8000-000000000002' 'allow 1024-65535 0.0.0.0/0 1024-65535' >miniupnpd.conf
	nft 'add table inet filter; add chain inet filter miniupnpd; add chain inet filter prerouting_miniupnpd; add chain inet filter postrouting_miniupnpd'
	miniupnpd -d -f "$HOME/miniupnpd.conf" -P /run/miniupnpd.pid
}

client() {
	ip route add default via 192.0.2.20
	natpmpc -g 192.0.2.20 -a 8080 8080 tcp 60 || true
	upnpc -m eth0 -e example -a 192.0.2.10 9090 9090 tcp || true
}
