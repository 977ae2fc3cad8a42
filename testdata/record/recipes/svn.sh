# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='subversion'
ready='tcp/3690'
expect='tcp.payload contains "edit-pipeline"'
protocols='svn'
shows='Subversion: a list of an empty repository'

server() {
	svnadmin create repository
	svnserve -d --foreground -r "$HOME"
}

client() {
	svn list svn://server.example.com/repository
}
