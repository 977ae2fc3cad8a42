# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='rabbitmq-server'
ready='tcp/61613'
expect='tcp.payload contains "CONNECTED";tcp.payload contains "MESSAGE"'
protocols='stomp'
shows='STOMP 1.2: connect, subscribe, send, a message, disconnect (the client is a few lines of shell)'

server() {
	mkdir -p /var/lib/rabbitmq /var/log/rabbitmq && chown -R rabbitmq: /var/lib/rabbitmq /var/log/rabbitmq
	echo 'loopback_users = none' >/etc/rabbitmq/rabbitmq.conf
	echo 'NODENAME=rabbit@server' >/etc/rabbitmq/rabbitmq-env.conf
	echo '[rabbitmq_stomp].' >/etc/rabbitmq/enabled_plugins
	cd /var/lib/rabbitmq && exec runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
}

client() {
	exec 3<>/dev/tcp/192.0.2.20/61613
	printf 'CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0' >&3
	sleep 0.5
	printf 'SUBSCRIBE\nid:0\ndestination:/queue/news\n\n\0SEND\ndestination:/queue/news\n\nhello\0' >&3
	sleep 1
	printf 'DISCONNECT\nreceipt:1\n\n\0' >&3
	sleep 0.5
	exec 3>&-
}
