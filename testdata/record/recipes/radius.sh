# shellcheck shell=bash disable=SC2034
packages='freeradius freeradius-utils'
ready='udp/1812 udp/1813'
expect='radius.code==1;radius.code==2;radius.code==3;radius.code==4;radius.code==5;radius.code==12'
protocols='radius'
shows='RADIUS: access accepted and rejected (PAP, CHAP), accounting start and stop, status-server'

server() {
	printf '%s\n' 'client test {' 'ipaddr = 192.0.2.0/24' 'secret = testing123' '}' >/etc/freeradius/3.0/clients.conf
	sed -i '1i alice Cleartext-Password := "secret"' /etc/freeradius/3.0/mods-config/files/authorize
	sed -i 's/^\tuser = .*//; s/^\tgroup = .*//' /etc/freeradius/3.0/radiusd.conf
	rm -f /etc/freeradius/3.0/sites-enabled/inner-tunnel /etc/freeradius/3.0/mods-enabled/eap
	sed -i 's/^\t*eap\b.*/\t\tok/; /^\t*ok {/,/}/d' /etc/freeradius/3.0/sites-enabled/default
	mkdir -p /run/freeradius
	freeradius -f -l stdout
}

client() {
	radtest alice secret 192.0.2.20 0 testing123
	radtest -t chap alice secret 192.0.2.20 0 testing123
	radtest alice wrong 192.0.2.20 0 testing123 || true
	printf 'User-Name=alice,Acct-Session-Id=1,Acct-Status-Type=Start,NAS-IP-Address=192.0.2.10\n' | radclient 192.0.2.20 acct testing123
	printf 'User-Name=alice,Acct-Session-Id=1,Acct-Status-Type=Stop,NAS-IP-Address=192.0.2.10\n' | radclient 192.0.2.20 acct testing123
	printf 'Message-Authenticator=0x00\n' | radclient 192.0.2.20 status testing123
}
