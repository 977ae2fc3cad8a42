# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openvpn iputils-ping openssl'
versions='openvpn'
ready='udp/1194'
expect='openvpn.opcode==7;openvpn.opcode==8;openvpn.opcode==4;openvpn.opcode==9'
protocols='openvpn'
shows='OpenVPN over UDP with certificates: TLS in its control channel, and pings in its data channel'

server() { openvpn_server udp; }

client() { openvpn_client udp; }
