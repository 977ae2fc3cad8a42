# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='mumble-server openssl'
versions='mumble-server'
ready='tcp/64738 udp/64738'
expect='tls.handshake.type==1 && tcp.dstport==64738;udp.dstport==64738'
protocols='tls mumble'
shows='Mumble: the TLS of its control connection, and the UDP ping of its server lists'

server() {
	printf '%s\n' "database=$HOME/mumble.sqlite" 'host=192.0.2.20' 'welcometext=hello' 'bonjour=false' >mumble.ini
	chmod 777 .
	murmurd -fg -ini "$HOME/mumble.ini"
}

client() {
	openssl s_client -connect 192.0.2.20:64738 </dev/null
	printf '\0\0\0\0\0\0\0\0\0\0\0\1' | socat -t 1 - UDP:192.0.2.20:64738
}
