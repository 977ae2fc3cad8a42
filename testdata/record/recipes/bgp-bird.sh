# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='bird2'
ready='tcp/179'
expect='bgp.type==1;bgp.type==2;bgp.type==4'
protocols='bgp'
shows='BGP between two systems: open, keep-alive, updates, and a cease'

router() { # ID LOCAL-AS NEIGHBOUR AS NETWORK
	cat >bird.conf <<-END
		log stderr all;
		router id $1;
		protocol device { }
		protocol static { ipv4; route $5 blackhole; }
		protocol bgp peer {
			local $1 as $2;
			neighbor $3 as $4;
			connect delay time 1;
			ipv4 { import all; export all; };
		}
	END
}

server() {
	router 192.0.2.20 64496 192.0.2.10 64497 198.51.100.0/24
	mkdir -p /run/bird
	bird -f -c bird.conf
}

client() {
	router 192.0.2.10 64497 192.0.2.20 64496 203.0.113.0/24
	mkdir -p /run/bird
	bird -c bird.conf
	sleep 7
	birdc disable peer
}
