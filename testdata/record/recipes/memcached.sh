# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='memcached socat'
versions='memcached'
ready='tcp/11211 udp/11211'
expect='tcp.payload contains "set key 0";tcp.payload contains "STAT pid";udp.dstport==11211'
protocols='memcached'
shows='memcached: text protocol over TCP, and over UDP with its frame header; binary protocol'

server() {
	memcached -u root -U 11211 -B auto
}

client() {
	printf 'set key 0 60 5\r\nvalue\r\nget key\r\nstats\r\nquit\r\n' | socat -t 1 - TCP:192.0.2.20:11211
	printf '\0\1\0\0\0\1\0\0get key\r\n' | socat -t 1 - UDP:192.0.2.20:11211
	# Binary: get of "key", quit.
	printf '\200\0\0\3\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0key\200\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' |
		socat -t 1 - TCP:192.0.2.20:11211
}
