# shellcheck shell=bash disable=SC2034,SC2016
# SPDX-License-Identifier: Apache-2.0
packages='ocserv openconnect iputils-ping openssl'
versions='ocserv openconnect'
ready='tcp/443 udp/443'
expect='tls.handshake.type==1;dtls'
protocols='tls dtls'
shows='AnyConnect: TLS with a tunnel in it, then the tunnel in DTLS (openconnect and ocserv), three pings'

server() {
	certificate vpn vpn.example.com
	printf 'secret\nsecret\n' | ocpasswd -c "$HOME/users" alice
	printf '%s\n' "auth = \"plain[passwd=$HOME/users]\"" 'tcp-port = 443' 'udp-port = 443' 'run-as-user = root' 'run-as-group = root' \
		'socket-file = /run/ocserv.socket' "server-cert = $HOME/vpn.pem" "server-key = $HOME/vpn.key" 'isolate-workers = false' \
		'device = vpns' 'ipv4-network = 198.51.100.0' 'ipv4-netmask = 255.255.255.0' 'cisco-client-compat = true' 'dtls-legacy = true' \
		'max-clients = 4' 'try-mtu-discovery = false' 'use-occtl = false' 'keepalive = 30' 'tls-priorities = "NORMAL"' >ocserv.conf
	ocserv -f -c ocserv.conf
}

client() {
	local pin
	pin=$(openssl s_client -connect 192.0.2.20:443 </dev/null 2>/dev/null | openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64)
	printf '%s\n' '#!/bin/sh' '[ "$reason" != connect ] || { ip link set $TUNDEV up; ip address add $INTERNAL_IP4_ADDRESS/24 dev $TUNDEV; }' >script && chmod 755 script
	echo secret | openconnect -b --pid-file=/run/openconnect.pid -u alice --passwd-on-stdin --servercert "pin-sha256:$pin" -s "$HOME/script" https://192.0.2.20/
	sleep 2
	ping -c 3 -i 0.2 198.51.100.1
	kill -INT "$(cat /run/openconnect.pid)"
	sleep 1
}
