# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='xrdp freerdp2-x11 xvfb openssl'
versions='xrdp freerdp2-x11'
ready='tcp/3389'
expect='rdp || tpkt || cotp;tcp.dstport==3389 && tcp.payload[0:2]==16:03;tcp.payload contains "Cookie: mstshash=alice"'
protocols='rdp'
shows='RDP: connection request with a cookie, then TLS, and once with the security of RDP itself'

server() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rdp.example.com -keyout rdp.key -out rdp.pem
	sed -i "s|^certificate=.*|certificate=$HOME/rdp.pem|; s|^key_file=.*|key_file=$HOME/rdp.key|; s|^security_layer=.*|security_layer=negotiate|; s|^port=.*|port=tcp://:3389|" /etc/xrdp/xrdp.ini
	mkdir -p /run/xrdp
	[ -e /etc/xrdp/rsakeys.ini ] || xrdp-keygen xrdp /etc/xrdp/rsakeys.ini
	xrdp --nodaemon
}

client() {
	Xvfb :9 -screen 0 320x240x16 &
	sleep 1
	export DISPLAY=:9
	timeout 4 xfreerdp /v:192.0.2.20 /u:alice /p:secret /cert:ignore /sec:tls /size:320x240 /bpp:16 -themes || true
	timeout 4 xfreerdp /v:192.0.2.20 /u:alice /p:secret /cert:ignore /sec:rdp /size:320x240 /bpp:16 -themes || true
}
