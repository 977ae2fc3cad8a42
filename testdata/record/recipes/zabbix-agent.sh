# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='zabbix-agent'
ready='tcp/10050'
expect='tcp.payload contains "ZBXD"'
protocols='zabbix'
shows='Zabbix agent: a question of the server (the server is a few lines of shell)'

server() {
	printf '%s\n' 'Server=192.0.2.10' 'LogType=console' 'ListenIP=192.0.2.20' 'Hostname=server' 'AllowRoot=1' >zabbix.conf
	zabbix_agentd -f -c "$HOME/zabbix.conf"
}

client() {
	printf 'ZBXD\1\12\0\0\0\0\0\0\0agent.ping' | socat -t 2 - TCP:192.0.2.20:10050
	printf 'ZBXD\1\15\0\0\0\0\0\0\0agent.version' | socat -t 2 - TCP:192.0.2.20:10050
}
