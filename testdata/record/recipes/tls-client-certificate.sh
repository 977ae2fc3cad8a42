# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openssl'
ready='tcp/443'
expect='tls.handshake.type==13;tls.handshake.type==15'
protocols='tls'
shows='TLS 1.2 with a certificate of the client'

server() {
	authority && issued www www.example.com && issued client client.example.com && cp ca.pem client.pem client.key "$SHARED"
	openssl s_server -accept 443 -tls1_2 -cert www.pem -key www.key -CAfile ca.pem -Verify 2 -www
}

client() {
	printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -ign_eof -connect www.example.com:443 -servername www.example.com \
		-CAfile "$SHARED/ca.pem" -cert "$SHARED/client.pem" -key "$SHARED/client.key"
}
