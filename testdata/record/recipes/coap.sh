# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='libcoap3-bin'
ready='udp/5683'
expect='coap.code==1;coap.code==69;coap.code==3;coap.type==0;coap.opt.observe || coap.opt.name=="Observe"'
protocols='coap'
shows='CoAP over UDP: discovery, get, put, an observation, a resource that is missing'

server() {
	coap-server-notls -A 192.0.2.20 -v 3
}

client() {
	coap-client-notls -B 2 coap://192.0.2.20/.well-known/core
	coap-client-notls -B 2 -m put -e 22 coap://192.0.2.20/example_data
	coap-client-notls -B 2 coap://192.0.2.20/example_data
	coap-client-notls -B 3 -s 2 coap://192.0.2.20/time
	coap-client-notls -B 2 -N coap://192.0.2.20/missing
}
