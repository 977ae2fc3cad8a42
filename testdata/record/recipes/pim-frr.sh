# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='frr'
expect='pim.type==0'
protocols='pim'
shows='PIM version 2: hello, and what a member of a group makes of it'

router() {
	mkdir -p /run/frr && chown frr: /run/frr
	printf '%s\n' 'interface eth0' ' ip pim' ' ip pim hello 1' ' ip igmp' >frr.conf
	/usr/lib/frr/zebra -d -f /dev/null
	/usr/lib/frr/pimd -d -f "$HOME/frr.conf"
}

server() { router; }

client() {
	router
	timeout 5 socat -u UDP4-RECV:5007,ip-add-membership=233.252.0.1:192.0.2.10 - || true
}
