# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='ngircd ii'
ready='tcp/6667'
expect='irc.request.command=="NICK";irc.request.command=="JOIN";irc.request.command=="PRIVMSG"'
protocols='irc'
shows='IRC: log-in, a channel, a message'

server() {
	printf '%s\n' '[Global]' 'Name = irc.example.com' 'Info = Example' 'Listen = 192.0.2.20' 'Ports = 6667' \
		'ServerUID = irc' 'ServerGID = irc' '[Options]' 'Ident = no' 'DNS = no' 'PAM = no' >ngircd.conf
	ngircd -n -f "$HOME/ngircd.conf"
}

client() {
	ii -s 192.0.2.20 -n alice -f Alice -i "$HOME/irc" &
	sleep 1
	echo '/j #test' >"$HOME/irc/192.0.2.20/in"
	sleep 0.5
	echo 'hello' >"$HOME/irc/192.0.2.20/#test/in"
	sleep 0.5
	echo '/q bye' >"$HOME/irc/192.0.2.20/in"
	sleep 0.5
}
