# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='ike-scan strongswan-charon strongswan-swanctl libstrongswan-standard-plugins'
versions='strongswan-charon ike-scan'
ready='udp/500'
expect='isakmp.exchangetype==2;isakmp.exchangetype==4'
protocols='ipsec'
shows='IKEv1: proposals of main mode and of aggressive mode, and the answers'

server() {
	cat >/etc/swanctl/swanctl.conf <<-END
		connections {
			site {
				version = 1
				aggressive = yes
				local_addrs = 192.0.2.20
				proposals = 3des-sha1-modp1024
				local { auth = psk }
				remote { auth = psk }
				children { net { } }
			}
		}
		secrets { ike-site { secret = secret } }
	END
	echo 'charon { i_dont_care_about_security_and_use_aggressive_mode_psk = yes }' >/etc/strongswan.d/aggressive.conf
	/usr/lib/ipsec/charon &
	until swanctl --stats >/dev/null 2>&1; do sleep 0.2; done
	swanctl --load-all
}

client() {
	sleep 2
	ike-scan --sport=0 192.0.2.20
	ike-scan --sport=0 -A -n client --trans=5,2,1,2 192.0.2.20
}
