# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='bsdutils rsyslog'
versions='bsdutils rsyslog'
ready='udp/514 tcp/514'
expect='syslog.msg && udp;tcp.dstport==514 && tcp.len>0'
protocols='syslog'
shows='Syslog (RFC 3164 and RFC 5424) over UDP and TCP, with octet counting and with line ends'

server() {
	cat >rsyslog.conf <<-END
		module(load="imudp")
		module(load="imtcp")
		input(type="imudp" port="514")
		input(type="imtcp" port="514")
		*.* $HOME/messages
	END
	rsyslogd -n -f "$HOME/rsyslog.conf" -i "$HOME/rsyslogd.pid"
}

client() {
	logger -n server.example.com -d -P 514 --rfc3164 -t backup -p daemon.info 'disk is nearly full'
	logger -n server.example.com -d -P 514 --rfc5424 -t backup -p daemon.err 'disk is full'
	logger -n server.example.com -T -P 514 --rfc5424 -t backup --octet-count 'over TCP, counted'
	logger -n server.example.com -T -P 514 --rfc3164 -t backup 'over TCP, by line'
}
