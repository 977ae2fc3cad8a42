# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='samba smbclient'
ready='tcp/445 tcp/139'
expect='smb.cmd==0x72;smb.cmd==0x73;smb.cmd==0x2e;nbss.type==0x81'
protocols='smb netbios'
shows='SMB 1 (dialect NT LM 0.12), directly on port 445 and in a NetBIOS session on port 139'

server() {
	samba_conf 'server min protocol = NT1' 'server max protocol = NT1'
	smbd -F --no-process-group -s "$HOME/smb.conf" --debug-stdout
}

client() {
	printf '%s\n' '[global]' 'client min protocol = NT1' >smb.conf
	smbclient -N -s smb.conf -m NT1 //server.example.com/files -c 'ls; get note.txt'
	smbclient -N -s smb.conf -m NT1 -p 139 -n CLIENT //server/files -I 192.0.2.20 -c ls
}
