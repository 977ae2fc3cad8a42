# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='iodine iputils-ping'
versions='iodine'
ready='udp/53'
expect='dns.qry.type==10'
protocols='dns'
shows='A tunnel in DNS (iodine): queries with long random names, a ping inside'

server() {
	iodined -f -c -P secret 198.51.100.1 t.example.com
}

client() {
	iodine -r -P secret 192.0.2.20 t.example.com
	ping -c 2 -i 0.5 198.51.100.1
}
