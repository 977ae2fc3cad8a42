# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl openssh-server openssh-client dnsmasq-base bind9-dnsutils openssl'
versions='nginx-light curl openssh-server dnsmasq-base'
ready='tcp/22 tcp/25 tcp/443 udp/123'
expect='tcp.dstport==22 && tcp.payload contains "GET / HTTP";tcp.dstport==25 && tcp.payload[0:2]==16:03;tcp.port==443 && tcp.payload contains "SSH-2.0"'
protocols='http tls ssh dns'
shows='Protocols on the ports of others: HTTP on 22, TLS on 25, SSH on 443, DNS on 123'

server() {
	ssh-keygen -q -t ed25519 -N '' -C server -f host
	mkdir www /run/sshd && body 100 >www/index.html && certificate www www.example.com
	nginx_conf "root $HOME/www; listen 22; listen 25 ssl; ssl_certificate $HOME/www.pem; ssl_certificate_key $HOME/www.key;"
	nginx -c "$HOME/nginx.conf"
	/usr/sbin/sshd -f /dev/null -p 443 -h "$HOME/host"
	dnsmasq -C /dev/null --port=123 --no-resolv --user=root --host-record=www.example.com,192.0.2.80
}

client() {
	curl -sS -4 http://www.example.com:22/
	curl -sS -4 -k https://www.example.com:25/
	dig +tries=1 -p 123 @192.0.2.20 www.example.com
	ssh -F /dev/null -p 443 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null server.example.com true || true
}
