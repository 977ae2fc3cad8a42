# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='snmpd snmp'
ready='udp/161'
expect='snmp.version==0;snmp.version==1;snmp.msgVersion==3;snmp.data==4;udp.dstport==162'
protocols='snmp'
shows='SNMP versions 1, 2c and 3 (with and without privacy): get, get-bulk walk, a trap and an inform'

server() {
	printf '%s\n' 'agentaddress udp:161' 'rocommunity public' 'createUser alice SHA authsecret AES privsecret' 'rouser alice authnopriv' \
		'sysDescr Example' 'sysLocation Example' 'sysContact admin@example.com' >snmpd.conf
	mkdir -p /var/lib/snmp
	snmpd -f -Lo -C -c snmpd.conf
}

client() {
	export MIBS=''
	snmpget -v1 -c public 192.0.2.20 .1.3.6.1.2.1.1.5.0
	snmpget -v2c -c public 192.0.2.20 .1.3.6.1.2.1.1.5.0
	snmpbulkwalk -v2c -c public 192.0.2.20 .1.3.6.1.2.1.1
	snmpget -v3 -l authNoPriv -u alice -a SHA -A authsecret 192.0.2.20 .1.3.6.1.2.1.1.5.0
	snmpget -v3 -l authPriv -u alice -a SHA -A authsecret -x AES -X privsecret 192.0.2.20 .1.3.6.1.2.1.1.5.0
	snmptrap -v2c -c public 192.0.2.20 '' .1.3.6.1.6.3.1.1.5.3 .1.3.6.1.2.1.2.2.1.1.1 i 1
	snmptrap -v1 -c public 192.0.2.20 .1.3.6.1.4.1.8072 192.0.2.10 2 0 ''
}
