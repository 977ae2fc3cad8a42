# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='munin-node socat'
versions='munin-node'
ready='tcp/4949'
expect='tcp.payload contains "# munin node at"'
protocols='munin'
shows='Munin: the node greets, lists its plug-ins, says its version'

server() {
	mkdir -p /var/log/munin /run/munin /var/lib/munin-node
	printf '%s\n' 'log_level 1' 'log_file Sys::Syslog' 'pid_file /run/munin/node.pid' 'background 0' 'setsid 0' 'user root' 'group root' \
		'host 192.0.2.20' 'port 4949' 'host_name server.example.com' 'allow ^192\.0\.2\.[0-9]+$' >munin-node.conf
	munin-node --config "$HOME/munin-node.conf"
}

client() {
	printf 'list\nversion\nquit\n' | socat -t 2 - TCP:192.0.2.20:4949
}
