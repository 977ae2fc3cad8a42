# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='wireguard-go wireguard-tools iputils-ping'
versions='wireguard-go wireguard-tools'
ready='udp/51820'
expect='wg.type==1;wg.type==2;wg.type==4'
protocols='wireguard'
shows='WireGuard: handshake, data (pings), keep-alive'

tunnel() { # ADDRESS
	wireguard-go wg0
	ip address add "$1/24" dev wg0
}

server() {
	wg genkey | tee "$SHARED/server" | wg pubkey >"$SHARED/server.pub"
	wg genkey | tee "$SHARED/client" | wg pubkey >"$SHARED/client.pub"
	tunnel 198.51.100.1
	wg set wg0 listen-port 51820 private-key "$SHARED/server" peer "$(cat "$SHARED/client.pub")" allowed-ips 198.51.100.2/32
	ip link set wg0 up
}

client() {
	tunnel 198.51.100.2
	wg set wg0 private-key "$SHARED/client" peer "$(cat "$SHARED/server.pub")" allowed-ips 198.51.100.0/24 \
		endpoint 192.0.2.20:51820 persistent-keepalive 1
	ip link set wg0 up
	ping -c 4 -i 0.3 198.51.100.1
	sleep 2
}
