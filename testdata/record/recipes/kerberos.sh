# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='krb5-kdc krb5-user krb5-admin-server'
versions='krb5-kdc krb5-user'
ready='udp/88 tcp/88'
expect='kerberos.msg_type==10 && udp;kerberos.msg_type==11;kerberos.msg_type==30;kerberos.msg_type==12;kerberos && tcp'
protocols='kerberos'
shows='Kerberos 5: a ticket for alice (AS), one for a service (TGS), a wrong password, over UDP and TCP'

realm() {
	printf '%s\n' '[libdefaults]' 'default_realm = EXAMPLE.COM' 'dns_lookup_kdc = false' 'dns_lookup_realm = false' \
		'dns_canonicalize_hostname = false' "udp_preference_limit = $1" '[realms]' 'EXAMPLE.COM = {' 'kdc = server.example.com' '}' >/etc/krb5.conf
}

server() {
	realm 1400
	mkdir -p /etc/krb5kdc /var/lib/krb5kdc
	printf '%s\n' '[kdcdefaults]' 'kdc_ports = 88' 'kdc_tcp_ports = 88' '[realms]' 'EXAMPLE.COM = {' 'max_life = 10h' '}' >/etc/krb5kdc/kdc.conf
	kdb5_util create -s -P master -r EXAMPLE.COM
	kadmin.local addprinc +requires_preauth -pw secret alice
	kadmin.local addprinc -randkey host/server.example.com
	krb5kdc -n
}

client() {
	realm 1400
	echo secret | kinit alice
	kvno host/server.example.com
	echo wrong | kinit alice || true
	realm 1
	echo secret | kinit alice
}
