# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='knxd knxd-tools'
ready='udp/3671'
expect='udp.dstport==3671'
protocols='knxnet-ip'
shows='KNXnet/IP: a tunnel between two daemons, one group telegram'

server() {
	knxd -e 1.1.1 -E 1.1.2:4 -D -T -R -S -b dummy:
}

client() {
	knxd -e 1.2.1 -E 1.2.2:4 --listen-tcp=6720 -b ipt:192.0.2.20 &
	sleep 2
	knxtool groupswrite ip:127.0.0.1 1/2/3 1
	sleep 1
}
