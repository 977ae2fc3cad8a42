# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='syncthing'
ready='tcp/22000 udp/21027'
expect='udp.dstport==21027;tls.handshake.extensions_alpn_str=="bep/1.0"'
protocols='syncthing tls'
shows='Syncthing: local discovery (broadcast), and its TLS with ALPN bep/1.0'

node() { # TRANSPORT
	export STNORESTART=1 STNODEFAULTFOLDER=1
	syncthing generate --config="$HOME/st" --no-default-folder >/dev/null 2>&1 || syncthing -generate="$HOME/st"
	sed -i 's|<globalAnnounceEnabled>true|<globalAnnounceEnabled>false|; s|<relaysEnabled>true|<relaysEnabled>false|; s|<natEnabled>true|<natEnabled>false|
		s|<urAccepted>0|<urAccepted>-1|; s|<crashReportingEnabled>true|<crashReportingEnabled>false|; s|<listenAddress>default|<listenAddress>tcp://:22000|
		s|<autoUpgradeIntervalH>12|<autoUpgradeIntervalH>0|' st/config.xml
	syncthing device-id --home "$HOME/st" >"$SHARED/$1.id" 2>/dev/null || syncthing --home "$HOME/st" --device-id >"$SHARED/$1.id"
}

server() {
	node server
	syncthing serve --home "$HOME/st" --no-browser
}

client() {
	node client
	sed -i "s|</configuration>|<device id=\"$(cat "$SHARED/server.id")\" name=\"server\"><address>tcp://192.0.2.20:22000</address></device></configuration>|" st/config.xml
	timeout 8 syncthing serve --home "$HOME/st" --no-browser || true
}
