# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='strongswan-charon strongswan-swanctl libcharon-extra-plugins libstrongswan-standard-plugins iputils-ping'
versions='strongswan-charon'
ready='udp/500 udp/4500'
expect='isakmp.exchangetype==34;isakmp.exchangetype==35;isakmp.exchangetype==37;esp && udp.port==4500'
protocols='ipsec'
shows='IKEv2: IKE_SA_INIT, IKE_AUTH with a shared key, delete; ESP in UDP on port 4500 (pings)'

gateway() { # LOCAL REMOTE ADDRESS LOCAL-NETWORK REMOTE-NETWORK
	mkdir -p /etc/swanctl/conf.d
	printf '%s\n' 'charon {' 'plugins {' 'kernel-libipsec { load = 100' 'allow_peer_ts = yes }' '}' '}' >/etc/strongswan.d/libipsec.conf
	rm -f /etc/strongswan.d/charon/kernel-libipsec.conf
	cat >/etc/swanctl/swanctl.conf <<-END
		connections {
			site {
				version = 2
				local_addrs = $1
				remote_addrs = $2
				encap = yes
				local { auth = psk
				id = $1 }
				remote { auth = psk
				id = $2 }
				children { net { local_ts = $4
				remote_ts = $5 } }
			}
		}
		secrets { ike-site { secret = secret } }
	END
	ip address add "$3/32" dev lo
	/usr/lib/ipsec/charon &
	until swanctl --stats >/dev/null 2>&1; do sleep 0.2; done
	swanctl --load-all
}

server() { gateway 192.0.2.20 192.0.2.10 198.51.100.1 198.51.100.1/32 203.0.113.1/32; }

client() {
	gateway 192.0.2.10 192.0.2.20 203.0.113.1 203.0.113.1/32 198.51.100.1/32
	sleep 1
	swanctl --initiate --child net
	ping -c 3 -i 0.2 -I 203.0.113.1 198.51.100.1
	swanctl --terminate --ike site
}
