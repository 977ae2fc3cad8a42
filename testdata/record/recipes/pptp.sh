# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='pptpd pptp-linux'
ready='tcp/1723'
expect='pptp;gre'
protocols='pptp gre'
shows='PPTP: control connection, and GRE (version 1) with what stands in for PPP, which this kernel lacks'

# pptpd and pptp run this for pppd: an LCP configure request in asynchronous framing, each second.
stand_in() {
	printf '%s\n' '#!/bin/sh' "for i in 1 2 3; do printf '~\\377}#\\300!}!}!} }\$\\263+~'; sleep 1; done" >ppp && chmod 755 ppp .
}

server() {
	stand_in
	printf '%s\n' "ppp $HOME/ppp" 'localip 198.51.100.1' 'remoteip 198.51.100.10-20' 'noipparam' >pptpd.conf
	pptpd -f -c pptpd.conf
}

client() {
	stand_in
	./ppp | timeout 6 pptp 192.0.2.20 --nolaunchpppd >out || true
}
