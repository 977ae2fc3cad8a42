# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
go=yes
versions='quic-go=0.65.0'
ready='udp/443'
expect='quic.version==0x00000001;quic && tls.handshake.type==1'
protocols='quic'
shows='HTTP/3 over QUIC version 1: two requests on one connection'

server() {
	authority && issued www www.example.com && cp ca.pem "$SHARED"
	/mnt/record serve -cert www.pem -key www.key -listen :443
}

client() {
	/mnt/record get -ca "$SHARED/ca.pem" https://www.example.com/ https://www.example.com/second
}
