# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='tgt libiscsi-bin'
ready='tcp/3260'
expect='iscsi.opcode == 0x03;iscsi.opcode == 0x01'
protocols='iscsi'
shows='iSCSI: discovery, log-in, inquiry of a disk of 1 MB'

server() {
	truncate -s 1M disk
	tgtd -f &
	sleep 1
	tgtadm --lld iscsi --mode target --op new --tid 1 --targetname iqn.2026-01.com.example:disk
	tgtadm --lld iscsi --mode logicalunit --op new --tid 1 --lun 1 --backing-store "$HOME/disk"
	tgtadm --lld iscsi --mode target --op bind --tid 1 --initiator-address ALL
}

client() {
	sleep 1
	iscsi-ls -s iscsi://192.0.2.20/
	iscsi-inq iscsi://192.0.2.20/iqn.2026-01.com.example:disk/1
}
