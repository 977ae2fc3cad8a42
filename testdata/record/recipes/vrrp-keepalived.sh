# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='keepalived'
expect='vrrp.version==2;vrrp.version==3'
protocols='vrrp'
shows='VRRP version 2 and version 3: the advertisements of a master'

server() {
	cat >keepalived.conf <<-END
		vrrp_instance two {
			interface eth0
			virtual_router_id 51
			priority 100
			advert_int 1
			authentication {
				auth_type PASS
				auth_pass secret
			}
			virtual_ipaddress {
				192.0.2.1/24
			}
		}
		vrrp_instance three {
			version 3
			interface eth0
			virtual_router_id 52
			priority 100
			advert_int 0.5
			virtual_ipaddress {
				192.0.2.2/24
			}
		}
	END
	keepalived -n -l -f "$HOME/keepalived.conf"
}

client() { sleep 8; }
