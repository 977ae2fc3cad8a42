# shellcheck shell=bash disable=SC2034,SC2016
# SPDX-License-Identifier: Apache-2.0
packages='tinc iputils-ping'
versions='tinc'
ready=''
expect='tcp.payload contains "0 client";udp.dstport==655'
protocols='tinc'
shows='tinc 1.0: the handshake over TCP, pings inside UDP'

node() { # NAME ADDRESS PEER
	mkdir -p "$HOME/net/hosts" /run
	printf '%s\n' "Name = $1" 'Mode = router' "ConnectTo = $3" >net/tinc.conf
	printf '%s\n' '#!/bin/sh' "ip address add $2/24 dev \$INTERFACE" 'ip link set $INTERFACE up' >net/tinc-up
	chmod 755 net/tinc-up
	openssl genrsa -traditional -out net/rsa_key.priv 2048
	{ printf '%s\n' "Subnet = $2/32"; openssl rsa -in net/rsa_key.priv -RSAPublicKey_out; } >"net/hosts/$1"
	cp "net/hosts/$1" "$SHARED/$1"
}

server() {
	node server 198.51.100.1 client
	until [ -s "$SHARED/client" ]; do sleep 0.2; done
	cp "$SHARED/client" net/hosts
	sed -i '/ConnectTo/d' net/tinc.conf
	tincd -c "$HOME/net" -D --pidfile=/run/tinc.pid
}

client() {
	until [ -s "$SHARED/server" ]; do sleep 0.2; done
	sleep 1
	(cat "$SHARED/server"; echo 'Address = 192.0.2.20') >server.host
	node client 198.51.100.2 server
	cp server.host net/hosts/server
	sleep 2
	tincd -c "$HOME/net" --pidfile=/run/tinc.pid
	sleep 2
	ping -c 4 -i 0.4 198.51.100.1
}
