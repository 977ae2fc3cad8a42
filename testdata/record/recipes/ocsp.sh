# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openssl'
ready='tcp/80'
expect='ocsp'
protocols='ocsp'
shows='OCSP over HTTP: is this certificate good?'

server() {
	authority && issued www www.example.com && cp ca.pem www.pem "$SHARED"
	printf 'V\t300101000000Z\t\t%s\tunknown\t/O=Example/CN=www.example.com\n' "$(openssl x509 -in www.pem -noout -serial | cut -d= -f2)" >index
	openssl ocsp -port 80 -index index -CA ca.pem -rsigner ca.pem -rkey ca.key
}

client() {
	openssl ocsp -issuer "$SHARED/ca.pem" -cert "$SHARED/www.pem" -CAfile "$SHARED/ca.pem" -url http://server.example.com/
}
