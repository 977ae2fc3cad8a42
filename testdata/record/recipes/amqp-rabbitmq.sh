# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='rabbitmq-server python3-pika'
ready='tcp/5672'
expect='amqp.method.class==10;amqp.method.class==60'
protocols='amqp'
shows='AMQP 0-9-1: log-in, a queue, one message published and fetched'

server() {
	mkdir -p /var/lib/rabbitmq /var/log/rabbitmq && chown -R rabbitmq: /var/lib/rabbitmq /var/log/rabbitmq
	echo 'loopback_users = none' >/etc/rabbitmq/rabbitmq.conf
	printf '%s\n' 'NODENAME=rabbit@server' >/etc/rabbitmq/rabbitmq-env.conf
	cd /var/lib/rabbitmq && exec runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
}

client() {
	cat >client.py <<-END
		import pika
		connection = pika.BlockingConnection(pika.ConnectionParameters("192.0.2.20"))
		channel = connection.channel()
		channel.queue_declare(queue="news")
		channel.basic_publish(exchange="", routing_key="news", body=b"hello")
		print(channel.basic_get("news", auto_ack=True))
		connection.close()
	END
	python3 client.py
}
