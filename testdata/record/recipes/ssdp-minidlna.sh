# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='minidlna miniupnpc'
ready='udp/1900'
expect='ssdp;http.request.method=="M-SEARCH";http.request.method=="NOTIFY"'
protocols='ssdp'
shows='SSDP: announcements of a media server, a search and its answers, and the description over HTTP'

server() {
	mkdir media database
	printf '%s\n' "media_dir=$HOME/media" "db_dir=$HOME/database" "log_dir=$HOME" 'network_interface=eth0' 'friendly_name=Example' 'notify_interval=3' \
		'uuid=00000000-0000-4000-8000-000000000001' >minidlna.conf
	minidlnad -S -f "$HOME/minidlna.conf" -P "$HOME/pid"
}

client() {
	sleep 1
	upnpc -m eth0 -s || true
	sleep 3
}
