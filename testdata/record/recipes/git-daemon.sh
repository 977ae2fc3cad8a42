# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='git'
ready='tcp/9418'
expect='tcp.payload contains "git-upload-pack /repository"'
protocols='git'
shows='git protocol: a clone, with protocol versions 2 and 0'

server() {
	git init -q repository && cd repository || return
	git -c user.name=alice -c user.email=alice@example.com commit -q --allow-empty -m first
	cd .. && git config --global --add safe.directory '*'
	git daemon --export-all --base-path="$HOME" --reuseaddr
}

client() {
	git clone -q git://server.example.com/repository two
	git -c protocol.version=0 clone -q git://server.example.com/repository zero
}
