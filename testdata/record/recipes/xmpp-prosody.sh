# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='prosody openssl'
versions='prosody'
ready='tcp/5222'
expect='xmpp;tcp.payload contains "urn:ietf:params:xml:ns:xmpp-tls"'
protocols='xmpp'
shows='XMPP: a stream in clear with a log-in, and one that starts TLS'

server() {
	certificate example example.com
	mkdir -p data /run/prosody && chown -R prosody: data /run/prosody . && chmod 755 .
	cat >prosody.cfg.lua <<-END
		daemonize = false
		pidfile = "/run/prosody/prosody.pid"
		data_path = "$HOME/data"
		log = "*console"
		c2s_require_encryption = false
		allow_unencrypted_plain_auth = true
		authentication = "internal_plain"
		modules_enabled = { "roster", "saslauth", "tls", "disco", "ping" }
		ssl = { certificate = "$HOME/example.pem", key = "$HOME/example.key" }
		VirtualHost "example.com"
	END
	runuser -u prosody -- prosodyctl --config prosody.cfg.lua register alice example.com secret
	runuser -u prosody -- prosody --config prosody.cfg.lua
}

client() {
	local stream="<?xml version='1.0'?><stream:stream to='example.com' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	exec 3<>/dev/tcp/192.0.2.20/5222
	echo "$stream" >&3
	sleep 0.5
	echo "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>$(printf '\0alice\0secret' | base64)</auth>" >&3
	sleep 0.5
	echo "$stream" >&3
	sleep 0.5
	echo "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><presence/></stream:stream>" >&3
	sleep 0.5
	exec 3>&-
	openssl s_client -starttls xmpp -xmpphost example.com -connect 192.0.2.20:5222 </dev/null
}
