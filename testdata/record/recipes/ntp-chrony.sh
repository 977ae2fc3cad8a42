# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='chrony ntpsec-ntpdig'
ready='udp/123'
expect='ntp.flags.mode==3;ntp.flags.mode==4'
protocols='ntp'
shows='NTP version 4: chronyd against chronyd, and one query by ntpdig'

server() {
	printf '%s\n' 'local stratum 8' allow 'cmdport 0' 'pidfile /run/chronyd.pid' >chrony.conf
	chronyd -d -x -u root -f "$HOME/chrony.conf"
}

client() {
	chronyd -Q -t 8 -u root -f /dev/null 'server server.example.com iburst' 'pidfile /run/chronyd.pid' 'cmdport 0'
	ntpdig 192.0.2.20 || true
}
