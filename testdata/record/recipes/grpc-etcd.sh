# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='etcd-server etcd-client'
ready='tcp/2379'
expect='tcp.payload contains "PRI * HTTP/2.0"'
protocols='grpc http2'
shows='gRPC in clear: etcdctl puts and gets a key'

server() {
	etcd --data-dir data --listen-client-urls http://192.0.2.20:2379 --advertise-client-urls http://192.0.2.20:2379
}

client() {
	ETCDCTL_API=3 etcdctl --endpoints=192.0.2.20:2379 put key value
	ETCDCTL_API=3 etcdctl --endpoints=192.0.2.20:2379 get key
}
