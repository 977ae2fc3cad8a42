# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='sip-tester'
ready='tcp/5060'
expect='sip.Method=="INVITE" && tcp;sip.Method=="BYE"'
protocols='sip'
shows='A SIP call over TCP, without media'

server() {
	sipp -sn uas -t t1 -i 192.0.2.20 -nostdin
}

client() {
	sipp -sn uac -t t1 -i 192.0.2.10 -m 1 -d 200 -nostdin 192.0.2.20:5060
}
