# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='tigervnc-standalone-server tigervnc-tools vncsnapshot gvncviewer'
versions='tigervnc-standalone-server vncsnapshot gvncviewer'
ready='tcp/5900 tcp/5901'
expect='tcp.payload contains "RFB 003.008";tcp.payload contains "RFB 003.003"'
protocols='vnc'
shows='VNC: RFB 3.3 with a password and RFB 3.8 without, one picture of a small screen each'

server() {
	mkdir -p /tmp/.X11-unix
	echo secret | tigervncpasswd -f >passwd
	Xtigervnc :7 -geometry 320x200 -depth 16 -rfbport 5900 -SecurityTypes VncAuth -PasswordFile passwd &
	Xtigervnc :8 -geometry 320x200 -depth 16 -rfbport 5901 -SecurityTypes None
}

client() {
	echo secret | tigervncpasswd -f >passwd
	vncsnapshot -passwd passwd -quality 20 192.0.2.20:0 picture.jpg
	gvnccapture 192.0.2.20:1 picture.png
}
