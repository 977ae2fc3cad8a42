# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='tigervnc-standalone-server tigervnc-tools vncsnapshot'
versions='tigervnc-standalone-server vncsnapshot'
ready='tcp/5900'
expect='tcp.payload contains "RFB 003.008";tcp.payload contains "RFB 003.003"'
protocols='vnc'
shows='VNC: the server offers RFB 3.8, the viewer takes 3.3; a password, one picture of a small screen'

server() {
	mkdir -p /tmp/.X11-unix
	echo secret | tigervncpasswd -f >passwd
	Xtigervnc :7 -geometry 320x200 -depth 16 -rfbport 5900 -SecurityTypes VncAuth -PasswordFile passwd
}

client() {
	echo secret | tigervncpasswd -f >passwd
	vncsnapshot -passwd passwd -quality 20 192.0.2.20:0 picture.jpg
}
