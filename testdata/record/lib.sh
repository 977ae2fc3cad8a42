# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
#
# What run and the recipes share: the addresses (RFC 5737, RFC 3849, RFC 7042) and the making of certificates.

C4=192.0.2.10 C6=2001:db8::10 CM=00:00:5e:00:53:10
S4=192.0.2.20 S6=2001:db8::20 SM=00:00:5e:00:53:20
here=${here:?} # the directory of this file, set by whoever reads it

# certificate NAME SUBJECT [DAYS]: makes NAME.pem and NAME.key, signed by themselves.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "${3:-30}" \
		-subj "/O=Example/CN=$2" -addext "subjectAltName=DNS:$2" -keyout "$1.key" -out "$1.pem" 2>/dev/null
	chmod 644 "$1.key"
}

# authority: makes ca.pem and ca.key.
authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/O=Example/CN=Example Root" -keyout ca.key -out ca.pem 2>/dev/null
}

# issued NAME SUBJECT [option of openssl x509...]: makes NAME.pem and NAME.key, signed by the authority.
issued() {
	local name=$1 subject=$2
	shift 2
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/O=Example/CN=$subject" \
		-addext "subjectAltName=DNS:$subject" -keyout "$name.key" -out "$name.csr" 2>/dev/null
	openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -copy_extensions copy \
		"$@" -out "$name.pem" 2>/dev/null
	chmod 644 "$name.key"
}

# body BYTES: a body of known size.
body() { head -c "$1" /dev/zero | tr '\0' w; }

# nginx_conf DIRECTIVES: makes nginx.conf, with one server of these directives.
nginx_conf() {
	cat >nginx.conf <<-END
		user root; worker_processes 1; error_log stderr; pid /run/nginx.pid;
		events { worker_connections 64; }
		http { access_log off; types { text/html html; } server { server_name www.example.com; $1 } }
	END
}

# dovecot_conf: makes dovecot.conf, with one user, alice, whose password is "secret", and mail.pem.
dovecot_conf() {
	certificate mail mail.example.com
	echo 'alice:{PLAIN}secret:8:8::/tmp/alice::' >users
	cat >dovecot.conf <<-END
		protocols = imap pop3
		listen = 0.0.0.0
		log_path = /dev/stderr
		ssl = yes
		ssl_cert = <$HOME/mail.pem
		ssl_key = <$HOME/mail.key
		disable_plaintext_auth = no
		first_valid_uid = 0
		mail_location = maildir:/tmp/alice
		auth_mechanisms = plain login
		passdb {
		  driver = passwd-file
		  args = $HOME/users
		}
		userdb {
		  driver = passwd-file
		  args = $HOME/users
		}
	END
	mkdir -p /tmp/alice/{cur,new,tmp}
	chown -R mail:mail /tmp/alice
	printf '%s\n' 'From: bob@example.com' 'To: alice@example.com' 'Subject: Hello' '' 'Hello' >/tmp/alice/new/1.example
}

# samba_conf DIRECTIVE...: makes smb.conf, with one share, "files", for guests.
samba_conf() {
	mkdir -p share state /run/samba && body 200 >share/note.txt && chmod 777 share
	{
		printf '%s\n' '[global]' 'netbios name = SERVER' 'workgroup = EXAMPLE' 'map to guest = Bad User' 'guest account = root' \
			'log file = /dev/stderr' 'load printers = no' 'disable spoolss = yes' 'bind interfaces only = yes' 'interfaces = lo eth0' \
			"lock directory = $HOME/state" "private dir = $HOME/state" "state directory = $HOME/state" \
			"cache directory = $HOME/state" "pid directory = $HOME/state" "$@"
		printf '%s\n' '[files]' "path = $HOME/share" 'guest ok = yes' 'read only = no'
	} >smb.conf
}

# openvpn_server TRANSPORT [OPTION...], openvpn_client likewise: the two ends, the client sending three pings.
openvpn_server() {
	authority && issued server server.example.com && issued client client.example.com
	cp ca.pem client.pem client.key "$SHARED"
	openvpn --dev tun --proto "$1" --port 1194 --server 198.51.100.0 255.255.255.0 --topology subnet --dh none \
		--ca ca.pem --cert server.pem --key server.key --data-ciphers AES-256-GCM --verb 3 "${@:2}"
}

openvpn_client() {
	openvpn --daemon --dev tun --proto "$1" --remote 192.0.2.20 1194 --client --ca "$SHARED/ca.pem" --verb 3 \
		--cert "$SHARED/client.pem" --key "$SHARED/client.key" --data-ciphers AES-256-GCM --log client.log "${@:2}"
	until ip -4 address show dev tun0 2>/dev/null | grep -q inet; do sleep 0.2; done
	ping -c 3 -i 0.2 198.51.100.1
}

# encapsulated_server KIND, encapsulated_client KIND: an echo and an HTTP request inside the tunnel of encapsulate.
encapsulated_server() {
	mkdir www && body 100 >www/index.html
	"$here/encapsulate" "$1" eth0 "$S4" "$C4" "$CM" &
	tunnel_addresses 20
	nginx_conf "root $HOME/www; listen 80; listen [::]:80;"
	nginx -c "$HOME/nginx.conf"
}

encapsulated_client() {
	"$here/encapsulate" "$1" eth0 "$C4" "$S4" "$SM" &
	tunnel_addresses 10
	if [ "$1" != sit ]; then
		ping -c 2 -i 0.2 198.51.100.20
		curl -sS http://198.51.100.20/
	fi
	if [ "$1" != ipip ]; then
		ping -c 2 -i 0.2 2001:db8:1::20
		curl -sS 'http://[2001:db8:1::20]/'
	fi
}

tunnel_addresses() { # LAST-NUMBER
	until ip link set tun0 up 2>/dev/null; do sleep 0.1; done
	ip link set tun0 mtu 1400 address "02:00:00:00:00:$1" 2>/dev/null || ip link set tun0 mtu 1400
	ip address add "198.51.100.$1/24" dev tun0
	ip address add "2001:db8:1::$1/64" dev tun0 nodad
}
