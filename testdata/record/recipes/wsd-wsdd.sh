# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='wsdd'
expect='udp.dstport==3702'
protocols='wsd'
shows='WS-Discovery: hello, probe, resolve, and bye, between two systems, over IPv4 and IPv6'

server() {
	wsdd -i eth0 -n SERVER -w EXAMPLE -U 00000000-0000-4000-8000-000000000003
}

client() {
	sleep 1
	timeout -s INT 5 wsdd -i eth0 -n CLIENT -w EXAMPLE -U 00000000-0000-4000-8000-000000000004 --discovery -l "$HOME/socket" || true
}
