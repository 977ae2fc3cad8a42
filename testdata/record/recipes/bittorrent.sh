# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='aria2 transmission-cli opentracker'
ready='tcp/6969 tcp/6881'
expect='bittorrent.msg.type==7;http.request.uri contains "/announce"'
protocols='bittorrent http'
shows='BitTorrent: announcement to a tracker, a file of 60 kB from peer to peer over TCP'

server() {
	body 60000 >file.bin
	transmission-create -t http://192.0.2.20:6969/announce -o file.torrent file.bin
	transmission-show file.torrent | sed -n 's/^  Hash: //p;s/^  Hash v1: //p' | head -1 >whitelist
	chmod 755 . && cp file.torrent "$SHARED"
	opentracker -i 192.0.2.20 -p 6969 -P 6969 -d "$HOME" -w /whitelist &
	sleep 1
	aria2c -q -V --no-conf --enable-dht=false --listen-port=6881 --bt-tracker-interval=2 --seed-ratio=0 --bt-external-ip=192.0.2.20 file.torrent
}

client() {
	sleep 2
	aria2c --no-conf --enable-dht=false --listen-port=6882 --bt-tracker-interval=2 --seed-time=0 --summary-interval=0 "$SHARED/file.torrent"
}
