# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light curl dnsmasq-base'
ready='tcp/443 udp/53'
expect='dns.qry.name=="www.youtube.com";tls.handshake.extensions_server_name=="www.netflix.com";tls.handshake.extensions_server_name=="github.com"'
protocols='dns tls http'
shows='A household: sites of known applications, resolved and visited; their servers are ours'
sites='www.youtube.com www.netflix.com www.facebook.com web.whatsapp.com github.com www.wikipedia.org'

server() {
	local name address=1 zone=()
	mkdir www && body 8000 >www/index.html
	authority && cp ca.pem "$SHARED"
	nginx_conf 'listen 80; return 301 https://$host/;'
	sed -i '$s/}$//' nginx.conf
	for name in $sites; do
		ip address add "203.0.113.$address/32" dev eth0
		zone+=("--address=/$name/203.0.113.$address")
		issued "$name" "$name"
		echo "server { server_name $name; root $HOME/www; listen 203.0.113.$address:443 ssl;
			ssl_certificate $HOME/$name.pem; ssl_certificate_key $HOME/$name.key; }" >>nginx.conf
		address=$((address + 1))
	done
	echo '}' >>nginx.conf
	dnsmasq --no-daemon --no-resolv --no-hosts "${zone[@]}" &
	nginx -c "$HOME/nginx.conf"
}

client() {
	local name
	ip route add 203.0.113.0/24 dev eth0
	echo 'nameserver 192.0.2.20' >/etc/resolv.conf
	curl -s http://www.wikipedia.org/
	for name in $sites; do
		curl -s -4 --cacert "$SHARED/ca.pem" "https://$name/" >/dev/null
	done
}
