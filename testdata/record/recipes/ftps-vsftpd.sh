# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='vsftpd curl openssl'
versions='vsftpd curl'
ready='tcp/21'
expect='ftp.request.command=="AUTH";tcp.dstport==21 && tcp.payload[0:2]==16:03'
protocols='ftp tls'
shows='FTP with AUTH TLS, its data connection being TLS from the first byte'

server() {
	mkdir files empty && body 2000 >files/file.txt && chmod 755 . files
	certificate ftp ftp.example.com
	printf '%s\n' listen=YES anonymous_enable=YES local_enable=NO "anon_root=$HOME/files" "secure_chroot_dir=$HOME/empty" \
		seccomp_sandbox=NO isolate=NO isolate_network=NO ftp_username=ftp ssl_enable=YES allow_anon_ssl=YES \
		"rsa_cert_file=$HOME/ftp.pem" "rsa_private_key_file=$HOME/ftp.key" require_ssl_reuse=NO ssl_ciphers=HIGH >vsftpd.conf
	vsftpd vsftpd.conf
}

client() {
	curl -sS -k --ssl-reqd ftp://server.example.com/file.txt -o got
}
