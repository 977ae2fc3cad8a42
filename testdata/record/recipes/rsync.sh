# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='rsync'
ready='tcp/873'
expect='rsync'
protocols='rsync'
shows='rsync with its own daemon: list of modules, one file fetched'

server() {
	mkdir files && body 3000 >files/file.txt
	printf '%s\n' 'use chroot = no' 'uid = root' 'gid = root' '[files]' "path = $HOME/files" >rsyncd.conf
	rsync --daemon --no-detach --config="$HOME/rsyncd.conf"
}

client() {
	rsync rsync://server.example.com/
	rsync -a rsync://server.example.com/files/file.txt .
}
