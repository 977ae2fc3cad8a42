# shellcheck shell=bash disable=SC2034,SC2016
# SPDX-License-Identifier: Apache-2.0
packages='inetutils-telnetd inetutils-telnet socat'
versions='inetutils-telnetd inetutils-telnet'
ready='tcp/23'
expect='telnet.cmd;telnet.data'
protocols='telnet'
shows='Telnet: negotiation of options, a prompt and two lines'

server() {
	printf '%s\n' '#!/bin/sh' 'printf "login: "; read user; echo "hello $user"; printf "command: "; read line; echo bye' >login
	chmod 755 login
	socat TCP-LISTEN:23,reuseaddr,fork "EXEC:telnetd -h --exec-login=$HOME/login"
}

client() {
	(sleep 1; echo alice; sleep 1; echo exit; sleep 1) | socat - "EXEC:telnet server.example.com,pty,setsid,ctty"
}
