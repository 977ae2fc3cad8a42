# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='freeradius freeradius-utils'
ready='udp/1812 udp/1813'
expect='radius.code==1;radius.code==2;radius.code==3;radius.code==4;radius.code==5;radius.code==12'
protocols='radius'
shows='RADIUS: access accepted and rejected (PAP, CHAP), accounting start and stop, status-server'

server() {
	echo 'alice Cleartext-Password := "secret"' >users
	cat >radiusd.conf <<-END
		libdir = /usr/lib/freeradius
		security {
			status_server = yes
		}
		client test {
			ipaddr = 192.0.2.0/24
			secret = testing123
		}
		modules {
			pap { }
			chap { }
			always ok {
				rcode = ok
			}
			files {
				usersfile = $HOME/users
			}
		}
		server default {
			listen {
				type = auth
				ipaddr = *
				port = 1812
			}
			listen {
				type = acct
				ipaddr = *
				port = 1813
			}
			authorize {
				chap
				files
				pap
			}
			authenticate {
				Auth-Type PAP {
					pap
				}
				Auth-Type CHAP {
					chap
				}
			}
			accounting {
				ok
			}
		}
	END
	ln -s /etc/freeradius/3.0/dictionary . && chmod 755 /etc/freeradius
	freeradius -f -l stdout -d "$HOME"
}

client() {
	radtest alice secret 192.0.2.20 0 testing123
	radtest -t chap alice secret 192.0.2.20 0 testing123
	radtest alice wrong 192.0.2.20 0 testing123 || true
	printf 'User-Name=alice,Acct-Session-Id=1,Acct-Status-Type=Start,NAS-IP-Address=192.0.2.10\n' | radclient 192.0.2.20 acct testing123
	printf 'User-Name=alice,Acct-Session-Id=1,Acct-Status-Type=Stop,NAS-IP-Address=192.0.2.10\n' | radclient 192.0.2.20 acct testing123
	printf 'Message-Authenticator=0x00\n' | radclient 192.0.2.20 status testing123
}
