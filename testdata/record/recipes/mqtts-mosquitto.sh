# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='mosquitto mosquitto-clients openssl'
versions='mosquitto mosquitto-clients'
ready='tcp/8883'
expect='tls.handshake.type==1 && tcp.dstport==8883'
protocols='tls'
shows='MQTT over TLS with ALPN mqtt'

server() {
	authority && issued mqtt server.example.com && cp ca.pem "$SHARED"
	printf '%s\n' 'listener 8883 0.0.0.0' 'allow_anonymous true' 'user root' "certfile $HOME/mqtt.pem" "keyfile $HOME/mqtt.key" >mosquitto.conf
	mosquitto -c mosquitto.conf
}

client() {
	mosquitto_pub -h server.example.com -p 8883 --cafile "$SHARED/ca.pem" --tls-alpn mqtt -t sensors/room -m 21.5
}
