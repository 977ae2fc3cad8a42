# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='samba smbclient'
ready='udp/137'
expect='nbns.flags.response==0;nbns.flags.response==1;nbns.type==33;nbdgm'
protocols='netbios'
shows='NetBIOS: registration of names, name query and node status, and browser announcements by datagram'

server() {
	samba_conf 'wins support = no' 'local master = yes' 'preferred master = yes'
	nmbd -F --no-process-group -s "$HOME/smb.conf" --debug-stdout
}

client() {
	sleep 4
	nmblookup -s /dev/null -B 192.0.2.255 SERVER
	nmblookup -s /dev/null -A 192.0.2.20
	sleep 8
}
