# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='collectd-core'
ready='udp/25826'
expect='udp.dstport==25826'
protocols='collectd'
shows='The binary protocol of collectd: load and memory, three times'

server() { socat -u UDP-RECV:25826 /dev/null; }

client() {
	printf '%s\n' 'Hostname "client.example.com"' 'FQDNLookup false' 'Interval 1' 'BaseDir "/tmp"' 'LoadPlugin load' 'LoadPlugin memory' 'LoadPlugin network' \
		'<Plugin network>' 'Server "192.0.2.20" "25826"' '</Plugin>' >collectd.conf
	timeout -s INT 4 collectd -f -C "$HOME/collectd.conf" -P "$HOME/pid" || true
}
