# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='avahi-daemon avahi-utils'
expect='mdns && dns.flags.response==0;mdns && dns.resp.type==33'
protocols='mdns'
shows='Multicast DNS: probes and announcements of a printer service, browsing and resolving it, over IPv4 and IPv6'

start() {
	sed -i 's/^#*enable-dbus=.*/enable-dbus=yes/; s/^#*rlimit.*//' /etc/avahi/avahi-daemon.conf
	mkdir -p /run/dbus && dbus-daemon --system --fork --nopidfile
	avahi-daemon -D --no-drop-root --no-chroot --no-rlimits
	sleep 2
}

server() {
	start
	avahi-publish -s 'Office Printer' _ipp._tcp 631 txtvers=1 rp=print
}

client() {
	start
	timeout 5 avahi-browse -r _ipp._tcp || true
	timeout 3 avahi-resolve -n server.local
}
