# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='aria2 transmission-cli opentracker'
versions='aria2 opentracker'
ready='udp/6969'
expect='udp.payload[0:8]==00:00:04:17:27:10:19:80'
protocols='bittorrent'
shows='A UDP tracker of BitTorrent (BEP 15): connect, announce'

server() {
	body 30000 >file.bin
	transmission-create -t udp://192.0.2.20:6969/announce -o file.torrent file.bin
	transmission-show file.torrent | sed -n 's/^  Hash: //p;s/^  Hash v1: //p' | head -1 >whitelist
	chmod 755 . && cp file.torrent "$SHARED"
	opentracker -i 192.0.2.20 -p 6969 -P 6969 -d "$HOME" -w /whitelist
}

client() {
	aria2c -q --no-conf --enable-dht=true --dht-listen-port=6882 --dht-file-path="$HOME/dht.dat" --bt-stop-timeout=4 --listen-port=6882 "$SHARED/file.torrent" || true
}
