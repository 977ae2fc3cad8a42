# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='samba smbclient'
ready='tcp/445'
expect='smb2.cmd==0;smb2.cmd==1;smb2.cmd==8'
protocols='smb'
shows='SMB 3.1.1, and SMB 2.0.2: negotiation, session of a guest, list, one file read, one written'

server() {
	samba_conf
	smbd -F --no-process-group -s "$HOME/smb.conf" --debug-stdout
}

client() {
	body 100 >new.txt
	smbclient -N -s /dev/null //server.example.com/files -c 'ls; get note.txt; put new.txt'
	smbclient -N -s /dev/null -m SMB2_02 //server.example.com/files -c 'ls'
}
