# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='vsftpd curl'
ready='tcp/21'
expect='ftp.request.command=="USER";ftp.request.command=="PASV";ftp.request.command=="EPSV";ftp.request.command=="PORT" || ftp.request.command=="EPRT";ftp-data;ftp.request.command=="STOR"'
protocols='ftp ftp-data'
shows='FTP: list, retrieve and store; data connections EPSV, PASV, EPRT and PORT'

server() {
	mkdir -p files/upload empty && body 2000 >files/file.txt && chmod 777 files/upload && chmod 755 . files
	printf '%s\n' listen=YES anonymous_enable=YES local_enable=NO write_enable=YES anon_upload_enable=YES "anon_root=$HOME/files" \
		"secure_chroot_dir=$HOME/empty" no_anon_password=NO connect_from_port_20=YES seccomp_sandbox=NO isolate=NO isolate_network=NO \
		ftp_username=ftp >vsftpd.conf
	vsftpd vsftpd.conf
}

client() {
	body 1000 >new.txt
	curl -sSv ftp://server.example.com/
	curl -sS --disable-epsv ftp://192.0.2.20/file.txt -o got
	curl -sS -T new.txt ftp://server.example.com/upload/
	curl -sS -P - ftp://server.example.com/file.txt -o got
	curl -sS -P - --disable-eprt ftp://192.0.2.20/file.txt -o got
}
