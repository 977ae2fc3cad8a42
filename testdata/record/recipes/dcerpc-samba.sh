# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='samba smbclient'
ready='tcp/135'
expect='dcerpc && tcp.port==135;epm'
protocols='dcerpc'
shows='DCE/RPC over TCP: the endpoint mapper asked on port 135, then the service itself'

server() {
	samba_conf 'rpc start on demand helpers = no'
	smbd -F --no-process-group -s "$HOME/smb.conf" --debug-stdout &
	sleep 1
	/usr/libexec/samba/samba-dcerpcd -F --no-process-group -s "$HOME/smb.conf" --libexec-rpcds
}

client() {
	rpcclient -N -U % -s /dev/null 'ncacn_ip_tcp:192.0.2.20' -c lsaquery || true
	rpcclient -N -U % -s /dev/null 'ncacn_ip_tcp:192.0.2.20' -c srvinfo || true
}
