# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
go=yes
versions='quic-go=0.65.0'
ready='udp/443'
expect='quic.long.packet_type==3'
protocols='quic'
shows='HTTP/3 over QUIC version 1, after a Retry'

server() {
	authority && issued www www.example.com && cp ca.pem "$SHARED"
	/mnt/record serve -retry -cert www.pem -key www.key -listen :443
}

client() {
	/mnt/record get -ca "$SHARED/ca.pem" https://www.example.com/
}
