# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='bird2'
expect='ospf.msg==1;ospf.msg==2;ospf.msg==4;ospf.version==3'
protocols='ospf'
shows='OSPF versions 2 and 3: hello, database description, updates'

router() { # ID
	cat >bird.conf <<-END
		log stderr all;
		router id $1;
		protocol device { }
		protocol ospf v2 { area 0 { interface "eth0" { hello 1; dead 4; wait 2; }; }; }
		protocol ospf v3 { area 0 { interface "eth0" { hello 1; dead 4; wait 2; }; }; }
	END
	mkdir -p /run/bird
	bird -c bird.conf
}

server() { router 192.0.2.20; }

client() {
	router 192.0.2.10
	sleep 8
}
