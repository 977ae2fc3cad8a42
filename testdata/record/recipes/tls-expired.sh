# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openssl'
ready='tcp/443'
expect='tls.handshake.type==11;x509af.utcTime=="2021-01-01 00:00:00 (UTC)"'
protocols='tls'
shows='TLS 1.2 with a certificate of an authority that expired in 2021'

server() {
	authority
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/O=Example/CN=www.example.com" -keyout www.key -out www.csr
	mkdir issued && touch index && echo 01 >serial
	printf '%s\n' '[ca]' 'default_ca=ca' '[ca]' 'database=index' 'serial=serial' 'new_certs_dir=issued' \
		'default_md=sha256' 'policy=policy' '[policy]' 'organizationName=supplied' 'commonName=supplied' >ca.conf
	openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -in www.csr -out www.pem -notext \
		-startdate 20200101000000Z -enddate 20210101000000Z
	openssl s_server -accept 443 -tls1_2 -cert www.pem -key www.key -www
}

client() {
	openssl s_client -connect www.example.com:443 -servername www.example.com </dev/null
}
