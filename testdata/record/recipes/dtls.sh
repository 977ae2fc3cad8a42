# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openssl'
ready='udp/4433'
expect='dtls.handshake.type==1;dtls.handshake.type==3;dtls.record.content_type==23'
protocols='dtls'
shows='DTLS 1.2: cookie exchange, handshake, application data'

server() {
	certificate www www.example.com
	sleep 60 | openssl s_server -dtls -4 -listen -accept 4433 -cert www.pem -key www.key
}

client() {
	(sleep 1; echo hello; sleep 1) | openssl s_client -dtls -4 -connect www.example.com:4433 -servername www.example.com
}
