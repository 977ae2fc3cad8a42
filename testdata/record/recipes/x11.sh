# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='xvfb x11-utils'
ready='tcp/6001'
expect='x11'
protocols='x11'
shows='X11 over TCP: xdpyinfo'

server() {
	mkdir -p /tmp/.X11-unix
	Xvfb :1 -listen tcp -ac -screen 0 320x240x16
}

client() {
	xdpyinfo -display 192.0.2.20:1
}
