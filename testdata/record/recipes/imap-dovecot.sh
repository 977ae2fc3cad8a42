# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='dovecot-imapd dovecot-pop3d curl openssl'
versions='dovecot-core curl'
ready='tcp/143 tcp/993'
expect='imap.request contains "LOGIN" || imap.request contains "AUTHENTICATE";imap.request contains "STARTTLS";tcp.dstport==993 && tls.handshake.type==1;tcp.dstport==143 && tls.handshake.type==1'
protocols='imap tls'
shows='IMAP in clear, with STARTTLS, and over TLS on port 993: list of folders, one message'

server() {
	dovecot_conf
	dovecot -F -c "$HOME/dovecot.conf"
}

client() {
	curl -s -u alice:secret imap://server.example.com/
	curl -s -u alice:secret 'imap://server.example.com/INBOX;MAILINDEX=1'
	curl -s -k --ssl-reqd -u alice:secret imap://server.example.com/
	curl -s -k -u alice:secret imaps://server.example.com/
}
