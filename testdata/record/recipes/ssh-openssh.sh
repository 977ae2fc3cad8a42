# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='openssh-server openssh-client'
ready='tcp/22'
expect='ssh.protocol;ssh.message_code==20'
protocols='ssh'
shows='SSH: key exchange, log-in by public key, one command'

server() {
	ssh-keygen -q -t ed25519 -N '' -C client -f "$SHARED/key"
	ssh-keygen -q -t ed25519 -N '' -C server -f host
	mkdir -p /run/sshd /root/.ssh && cp "$SHARED/key.pub" /root/.ssh/authorized_keys && chmod -R go= /root/.ssh
	/usr/sbin/sshd -D -e -f /dev/null -h "$HOME/host" -o StrictModes=no
}

client() {
	ssh -F /dev/null -i "$SHARED/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		root@server.example.com echo hello
}
