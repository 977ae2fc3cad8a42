# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='tftpd-hpa tftp-hpa'
ready='udp/69'
expect='tftp.opcode==1;tftp.opcode==2;tftp.opcode==3;tftp.opcode==4;tftp.opcode==5'
protocols='tftp'
shows='TFTP: a file read, a file written, an error'

server() {
	mkdir files && body 1500 >files/boot.img && chmod -R 777 files
	in.tftpd -L -4 -c -u root -s "$HOME/files"
}

client() {
	body 700 >new.txt
	tftp -m binary 192.0.2.20 -c get boot.img
	tftp -m binary 192.0.2.20 -c put new.txt
	tftp -m binary 192.0.2.20 -c get missing.img || true
}
