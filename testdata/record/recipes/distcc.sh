# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='distcc gcc'
versions='distcc'
ready='tcp/3632'
expect='tcp.payload contains "DIST00000001"'
protocols='distcc'
shows='distcc: one small C file compiled by the other system'

server() {
	mkdir -p /usr/lib/distcc 2>/dev/null
	distccd --no-detach --daemon --allow 192.0.2.0/24 --user nobody --log-stderr --enable-tcp-insecure -j 1
}

client() {
	echo 'int one(void) { return 1; }' >one.c
	DISTCC_HOSTS=192.0.2.20 DISTCC_FALLBACK=0 DISTCC_DIR=$HOME distcc gcc -c one.c -o one.o
}
