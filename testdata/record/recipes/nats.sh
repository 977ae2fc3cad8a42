# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nats-server'
ready='tcp/4222'
expect='tcp.payload contains "INFO {";tcp.payload contains "PUB news"'
protocols='nats'
shows='NATS: info, connect, subscribe, publish, ping (the client is a few lines of shell)'

server() {
	nats-server -a 192.0.2.20
}

client() {
	exec 3<>/dev/tcp/192.0.2.20/4222
	printf 'CONNECT {"verbose":false,"name":"client","lang":"sh","version":"1"}\r\nPING\r\n' >&3
	sleep 0.3
	printf 'SUB news 1\r\nPUB news 5\r\nhello\r\n' >&3
	sleep 0.5
	exec 3>&-
}
