# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='aria2 transmission-cli'
versions='aria2'
ready='udp/6881'
expect='udp.payload contains "d1:ad2:id20:" && udp.payload contains "4:ping";udp.payload contains "9:get_peers" || udp.payload contains "9:find_node"'
protocols='bittorrent'
shows='The DHT of BitTorrent: ping, find_node, get_peers between two nodes; then the file over TCP'

server() {
	body 30000 >file.bin
	transmission-create -o file.torrent file.bin
	cp file.torrent "$SHARED"
	aria2c -q -V --no-conf --enable-dht=true --dht-listen-port=6881 --listen-port=6881 --dht-file-path="$HOME/dht.dat" \
		--dht-entry-point=192.0.2.10:6882 --seed-ratio=0 file.torrent
}

client() {
	timeout 20 aria2c --no-conf --enable-dht=true --dht-listen-port=6882 --listen-port=6882 --dht-file-path="$HOME/dht.dat" \
		--dht-entry-point=192.0.2.20:6881 --seed-time=0 --summary-interval=0 "$SHARED/file.torrent" || true
}
