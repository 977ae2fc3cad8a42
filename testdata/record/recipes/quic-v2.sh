# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
go=yes
versions='quic-go=0.65.0'
ready='udp/443'
expect='quic.version==0x6b3343cf;quic && tls.handshake.type==1'
protocols='quic'
shows='HTTP/3 over QUIC version 2: two requests on one connection'

server() {
	authority && issued www www.example.com && cp ca.pem "$SHARED"
	/mnt/record serve -v2 -cert www.pem -key www.key -listen :443
}

client() {
	/mnt/record get -v2 -ca "$SHARED/ca.pem" https://www.example.com/ https://www.example.com/second
}
