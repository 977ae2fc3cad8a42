# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='bird2'
expect='rip;bfd;ripng'
protocols='rip bfd'
shows='RIP version 2, RIPng, and BFD between the two routers'

router() { # ID PEER
	cat >bird.conf <<-END
		log stderr all;
		router id $1;
		protocol device { }
		protocol bfd { neighbor $2; interface "eth0" { min rx interval 500 ms; min tx interval 500 ms; }; }
		protocol rip { interface "eth0" { version 2; update time 3; }; ipv4 { import all; export all; }; }
		protocol rip ng { interface "eth0" { update time 3; }; ipv6 { import all; export all; }; }
	END
	mkdir -p /run/bird
	bird -c bird.conf
}

server() { router 192.0.2.20 192.0.2.10; }

client() {
	router 192.0.2.10 192.0.2.20
	sleep 6
}
