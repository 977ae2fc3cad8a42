# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='dovecot-imapd dovecot-pop3d curl openssl'
versions='dovecot-core curl'
ready='tcp/110 tcp/995'
expect='pop.request.command=="USER" || pop.request.command=="AUTH";pop.request.command=="STLS";tcp.dstport==995 && tls.handshake.type==1'
protocols='pop3 tls'
shows='POP3 in clear, with STLS, and over TLS on port 995: the list, one message'

server() {
	dovecot_conf
	dovecot -F -c "$HOME/dovecot.conf"
}

client() {
	curl -s -u alice:secret pop3://server.example.com/
	curl -s -u alice:secret pop3://server.example.com/1
	curl -s -k --ssl-reqd -u alice:secret pop3://server.example.com/
	curl -s -k -u alice:secret pop3s://server.example.com/
}
