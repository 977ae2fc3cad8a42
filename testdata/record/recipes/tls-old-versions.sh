# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openssl'
ready='tcp/443'
expect='tls.handshake.type==1;tls.alert_message'
protocols='tls'
shows='TLS 1.0, 1.1 and 1.2 handshakes, and a handshake that fails for want of a common version'

server() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=www.example.com -keyout www.key -out www.pem
	openssl s_server -accept 443 -cert www.pem -key www.key -cipher 'ALL:@SECLEVEL=0' -no_tls1_3 -www
}

client() {
	local option
	for option in -tls1 -tls1_1 -tls1_2 -tls1_3; do
		# shellcheck disable=SC2086
		openssl s_client -connect www.example.com:443 -servername www.example.com $option -cipher 'ALL:@SECLEVEL=0' </dev/null || true
	done
}
