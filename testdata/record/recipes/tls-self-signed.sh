# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openssl'
ready='tcp/443'
expect='tls.handshake.type==11'
protocols='tls'
shows='TLS 1.2 with a self-signed certificate and no SNI, and once with an SNI that the certificate does not have'

server() {
	certificate www router.example.com
	openssl s_server -accept 443 -tls1_2 -cert www.pem -key www.key -www
}

client() {
	openssl s_client -connect 192.0.2.20:443 -noservername </dev/null
	openssl s_client -connect 192.0.2.20:443 -servername www.example.com </dev/null
}
