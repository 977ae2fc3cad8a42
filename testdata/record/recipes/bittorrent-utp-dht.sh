# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='transmission-cli transmission-daemon'
versions='transmission-cli'
ready='udp/51413'
expect='udp.dstport==6771;udp.payload contains "d1:ad2:id20"'
protocols='bittorrent ssdp'
shows='BitTorrent peers that find each other by local discovery (multicast) and speak uTP and DHT over UDP; also their searches for a gateway (SSDP)'

server() {
	mkdir -p config down && body 60000 >down/file.bin
	transmission-create -o file.torrent down/file.bin && cp file.torrent "$SHARED"
	printf '%s\n' '{ "lpd-enabled": true, "utp-enabled": true, "dht-enabled": true, "encryption": 0, "rpc-enabled": false }' >config/settings.json
	transmission-cli -g config -w down -p 51413 -u 100 -et file.torrent
}

client() {
	mkdir -p config down
	printf '%s\n' '{ "lpd-enabled": true, "utp-enabled": true, "dht-enabled": true, "encryption": 0, "rpc-enabled": false }' >config/settings.json
	timeout 20 transmission-cli -g config -w down -p 51414 -et "$SHARED/file.torrent" || true
}
