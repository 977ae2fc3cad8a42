# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='collectd-core'
ready='tcp/2003'
expect='tcp.dstport==2003 && tcp.len>0'
protocols='graphite'
shows='The text protocol of Graphite, written by collectd'

server() { socat -u TCP-LISTEN:2003 /dev/null; }

client() {
	printf '%s\n' 'Hostname "client.example.com"' 'FQDNLookup false' 'Interval 1' 'BaseDir "/tmp"' 'LoadPlugin load' 'LoadPlugin write_graphite' \
		'<Plugin write_graphite>' '<Node "example">' 'Host "192.0.2.20"' 'Port "2003"' 'Protocol "tcp"' '</Node>' '</Plugin>' >collectd.conf
	timeout -s INT 4 collectd -f -C "$HOME/collectd.conf" -P "$HOME/pid" || true
}
