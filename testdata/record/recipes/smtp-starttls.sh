# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='postfix swaks openssl libnet-ssleay-perl'
versions='postfix swaks'
ready='tcp/25 tcp/587'
expect='smtp.req.command==EHLO;smtp.req.command==DATA;tcp.payload contains "STARTTLS\r\n";tls.handshake.type==1'
protocols='smtp'
shows='SMTP: a short message in clear, and one after STARTTLS, on ports 25 and 587'

server() {
	certificate mail mail.example.com
	postconf -e myhostname=mail.example.com mydestination=example.com inet_protocols=ipv4 inet_interfaces=all \
		mynetworks=192.0.2.0/24 smtpd_tls_security_level=may "smtpd_tls_cert_file=$HOME/mail.pem" \
		"smtpd_tls_key_file=$HOME/mail.key" smtpd_tls_loglevel=0 alias_maps= local_recipient_maps= local_transport=discard maillog_file=/dev/stdout
	postconf -Fe '*/unix/chroot=n' smtp/inet/chroot=n
	postconf -Me 'submission/inet=submission inet n - n - - smtpd'
	postfix start-fg
}

client() {
	swaks --silent 1 -s server.example.com -f alice@example.com -t bob@example.com --helo client.example.com --body hello
	swaks --silent 1 -s server.example.com -p 587 -tls -f alice@example.com -t bob@example.com --helo client.example.com --body hello
}
