# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openvpn iputils-ping openssl'
versions='openvpn'
ready='udp/1194'
expect='udp.dstport==1194 && udp.payload[0:1]==38'
protocols='openvpn'
shows='OpenVPN over UDP with tls-crypt, so that the control channel is encrypted with a shared key'

server() {
	openvpn --genkey tls-auth "$SHARED/shared.key"
	openvpn_server udp --tls-crypt "$SHARED/shared.key"
}

client() { openvpn_client udp --tls-crypt "$SHARED/shared.key"; }
