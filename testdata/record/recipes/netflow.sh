# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='softflowd iputils-ping socat'
versions='softflowd'
ready='udp/2055 udp/4739'
expect='cflow.version==5;cflow.version==9;cflow.version==10'
protocols='netflow'
shows='Flow export by softflowd: NetFlow version 5, NetFlow version 9, IPFIX'

server() {
	socat -u UDP-RECV:2055 /dev/null &
	socat -u UDP-RECV:4739 /dev/null &
}

client() {
	local version port
	tcpdump -q -i eth0 -Z root -c 4 -w seen.pcap icmp &
	sleep 1
	ping -c 2 -i 0.2 192.0.2.20
	wait
	for version in 5 9 10; do
		port=2055
		[ $version != 10 ] || port=4739
		softflowd -d -r seen.pcap -v $version -n 192.0.2.20:$port
	done
}
