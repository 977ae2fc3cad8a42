# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='coturn'
ready='udp/3478 tcp/3478'
expect='stun.type.method==0x0001;stun.type.method==0x0003;stun.type==0x0101;stun.type==0x0113;stun.channel'
protocols='stun'
shows='STUN binding, TURN allocation with a long-term password, channel and relayed data, over UDP and TCP'

server() {
	turnserver -n --log-file=stdout --listening-ip=192.0.2.20 --relay-ip=192.0.2.20 --realm=example.com --lt-cred-mech \
		--user=alice:secret --no-tls --no-dtls --no-cli --allow-loopback-peers --userdb=/tmp/turn.db
}

client() {
	turnutils_stunclient 192.0.2.20
	turnutils_uclient -u alice -w secret -y -c -m 1 -n 3 -L 192.0.2.10 192.0.2.20
	turnutils_uclient -t -u alice -w secret -y -c -m 1 -n 3 -L 192.0.2.10 192.0.2.20
}
