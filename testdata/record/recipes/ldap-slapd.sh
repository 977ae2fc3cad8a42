# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='slapd ldap-utils openssl'
versions='slapd'
ready='tcp/389 tcp/636'
expect='ldap.protocolOp==0;ldap.protocolOp==3;ldap.requestName=="1.3.6.1.4.1.1466.20037";tcp.dstport==636 && tls.handshake.type==1'
protocols='ldap tls'
shows='LDAP: bind, search, a failed bind, the start of TLS; LDAP over TLS'

server() {
	certificate ldap ldap.example.com
	mkdir database
	cat >slapd.conf <<-END
		include /etc/ldap/schema/core.schema
		modulepath /usr/lib/ldap
		moduleload back_mdb
		TLSCertificateFile $HOME/ldap.pem
		TLSCertificateKeyFile $HOME/ldap.key
		database mdb
		directory $HOME/database
		maxsize 1048576
		suffix "dc=example,dc=com"
		rootdn "cn=admin,dc=example,dc=com"
		rootpw secret
	END
	printf '%s\n' 'dn: dc=example,dc=com' 'objectClass: organization' 'objectClass: dcObject' 'dc: example' 'o: Example' >base.ldif
	slapadd -f slapd.conf -l base.ldif
	slapd -d 0 -f slapd.conf -h 'ldap:/// ldaps:///'
}

client() {
	export LDAPTLS_REQCERT=never
	local login=(-x -D 'cn=admin,dc=example,dc=com' -w secret)
	ldapsearch "${login[@]}" -H ldap://server.example.com -b dc=example,dc=com
	ldapsearch -x -D cn=admin,dc=example,dc=com -w wrong -H ldap://server.example.com -b dc=example,dc=com || true
	ldapsearch "${login[@]}" -ZZ -H ldap://server.example.com -b dc=example,dc=com
	ldapsearch "${login[@]}" -H ldaps://server.example.com -b dc=example,dc=com
}
