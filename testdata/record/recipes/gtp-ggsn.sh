# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='osmo-ggsn iputils-ping'
versions='osmo-ggsn'
ready='udp/2123 udp/2152'
expect='gtp.message==0x10;gtp.message==0x11;gtp.message==0xff && icmp'
protocols='gtp-c gtp-u icmp'
shows='GTP version 1: a context made and deleted (GTP-C), and pings in GTP-U'

server() {
	cat >ggsn.cfg <<-END
		log stderr
		ggsn ggsn0
		 gtp state-dir /tmp
		 gtp bind-ip 192.0.2.20
		 apn internet
		  gtpu-mode tun
		  tun-device tun4
		  type-support v4
		  ip prefix dynamic 198.51.100.0/24
		  ip dns 0 192.0.2.53
		  ip ifconfig 198.51.100.1/24
		  no shutdown
		 default-apn internet
		 no shutdown ggsn
	END
	osmo-ggsn -c ggsn.cfg
}

client() {
	timeout -s INT 8 sgsnemu --listen 192.0.2.10 --remote 192.0.2.20 --apn internet --imsi 001010000000001 --msisdn 10000000001 \
		--contexts 1 --pinghost 198.51.100.1 --pingrate 1 --pingcount 3 --statedir /tmp || true
}
