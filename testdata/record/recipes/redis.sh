# shellcheck shell=bash disable=SC2034,SC2016
# SPDX-License-Identifier: Apache-2.0
packages='redis-server redis-tools'
ready='tcp/6379'
expect='tcp.payload contains "*3\r\n$3\r\nset"'
protocols='redis'
shows='Redis: RESP2 and RESP3, set, get, a list, publish and subscribe, an error'

server() {
	redis-server --protected-mode no --save '' --dir "$HOME"
}

client() {
	redis-cli -h server.example.com set key value
	redis-cli -h server.example.com get key
	redis-cli -h server.example.com rpush list one two three
	redis-cli -h server.example.com lrange list 0 -1
	redis-cli -h server.example.com nonsense
	redis-cli -3 -h server.example.com hset hash field value
	timeout 1 redis-cli -h server.example.com subscribe news &
	sleep 0.3
	redis-cli -h server.example.com publish news hello
	wait || true
}
