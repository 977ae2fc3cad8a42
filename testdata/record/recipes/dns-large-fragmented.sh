# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='unbound bind9-dnsutils'
ready='udp/53'
expect='ip.flags.mf==1;ip.frag_offset>0;dns && tcp'
protocols='dns'
shows='A DNS answer of 3,000 bytes: over UDP in IP fragments, truncated at 512, then over TCP'

server() {
	local i
	{
		cat <<-END
			server:
			  interface: 0.0.0.0
			  access-control: 192.0.2.0/24 allow
			  do-daemonize: no
			  username: ""
			  chroot: ""
			  pidfile: ""
			  use-syslog: no
			  edns-buffer-size: 4096
			  max-udp-size: 4096
			  ip-dscp: 0
			  local-zone: example.com static
		END
		for i in $(seq 15); do echo "  local-data: 'big.example.com TXT \"$i $(body 190)\"'"; done
		printf '%s\n' 'remote-control:' '  control-enable: no'
	} >unbound.conf
	unbound -d -c unbound.conf
}

client() {
	dig +bufsize=4096 +ignore @192.0.2.20 big.example.com TXT
	dig +noedns @192.0.2.20 big.example.com TXT
}
