# shellcheck shell=bash disable=SC2034
packages='tigervnc-standalone-server vncsnapshot tigervnc-common tigervnc-tools'
versions='tigervnc-standalone-server vncsnapshot'
ready='tcp/5907'
expect='vnc.server_proto_ver || vnc.proto_ver || vnc;vnc.client_message_type==3'
protocols='vnc'
shows='VNC (RFB 3.8) with a password: one picture of a small screen'

server() {
	mkdir -p /tmp/.X11-unix
	echo secret | tigervncpasswd -f >passwd
	Xtigervnc :7 -geometry 320x200 -depth 16 -rfbport 5907 -SecurityTypes VncAuth -PasswordFile passwd
}

client() {
	echo secret | tigervncpasswd -f >passwd
	vncsnapshot -passwd passwd -quality 20 192.0.2.20:7 picture.jpg
}
