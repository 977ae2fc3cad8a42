# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='mosquitto mosquitto-clients'
ready='tcp/1883'
expect='mqtt.msgtype==1;mqtt.msgtype==3;mqtt.msgtype==8;mqtt.ver==5;mqtt.ver==4'
protocols='mqtt'
shows='MQTT 3.1.1 and 5: subscribe, publish with quality of service 0, 1 and 2'

server() {
	printf '%s\n' 'listener 1883 0.0.0.0' 'allow_anonymous true' 'user root' >mosquitto.conf
	mosquitto -c mosquitto.conf
}

client() {
	mosquitto_sub -h server.example.com -t 'sensors/#' -C 3 -W 10 &
	sleep 0.5
	mosquitto_pub -h server.example.com -t sensors/room -m 21.5
	mosquitto_pub -h server.example.com -V 5 -q 1 -i client -t sensors/room -m 21.6
	mosquitto_pub -h server.example.com -q 2 -u alice -P secret -t sensors/room -m 21.7
	wait
}
