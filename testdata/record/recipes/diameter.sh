# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='freediameterd openssl'
versions='freediameterd'
ready='tcp/3868'
expect='diameter.cmd.code==257;diameter.cmd.code==280'
protocols='diameter'
shows='Diameter over TCP: capabilities, watchdog, disconnection'

peer() { # NAME OTHER OTHER-ADDRESS OWN-ADDRESS
	cp "$SHARED/$1.pem" "$SHARED/$1.key" "$SHARED/ca.pem" .
	printf '%s\n' "Identity = \"$1.example.com\";" 'Realm = "example.com";' "ListenOn = \"$4\";" 'No_SCTP;' 'No_IPv6;' 'TwTimer = 6;' 'TcTimer = 2;' \
		"TLS_Cred = \"$HOME/$1.pem\", \"$HOME/$1.key\";" "TLS_CA = \"$HOME/ca.pem\";" "TLS_DH_Bits = 1024;" \
		"ConnectPeer = \"$2.example.com\" { ConnectTo = \"$3\"; No_TLS; port = 3868; };" >fd.conf
}

server() {
	authority && issued server server.example.com && issued client client.example.com && cp ./*.pem ./*.key "$SHARED"
	peer server client 192.0.2.10 192.0.2.20
	freeDiameterd -c "$HOME/fd.conf"
}

client() {
	peer client server 192.0.2.20 192.0.2.10
	timeout -s INT 10 freeDiameterd -c "$HOME/fd.conf" || true
}
