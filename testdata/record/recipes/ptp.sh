# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='linuxptp'
ready='udp/319 udp/320'
expect='ptp.v2.messagetype==0x0b;ptp.v2.messagetype==0x00;ptp.v2.messagetype==0x01'
protocols='ptpv2'
shows='Precision time protocol version 2 over UDP: announce, sync, delay request'

server() {
	ptp4l -4 -S -i eth0 -m -l 6 --free_running 1
}

client() {
	timeout -s INT 14 ptp4l -4 -S -s -i eth0 -m -l 6 --free_running 1 || true
}
