# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='libusrsctp-examples'
expect='sctp.chunk_type==1;sctp.chunk_type==2;sctp.chunk_type==0'
protocols='sctp'
shows='SCTP over IP in user space: association, data, shutdown'

server() {
	/usr/lib/usrsctp/discard_server
}

client() {
	sleep 1
	(echo hello; sleep 1) | /usr/lib/usrsctp/client 192.0.2.20 9
}
