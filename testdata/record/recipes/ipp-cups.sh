# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='cups-daemon cups-client cups-ipp-utils'
versions='cups-daemon'
ready='tcp/631'
expect='ipp'
protocols='ipp'
shows='IPP: a virtual printer (ippeveprinter) asked for its attributes, and one job printed'

server() {
	mkdir -p /run/dbus spool && dbus-daemon --system --fork --nopidfile
	avahi-daemon -D --no-drop-root --no-chroot --no-rlimits || true
	ippeveprinter -d spool -p 631 -r off -f text/plain,application/pdf Example
}

client() {
	echo 'UserAgentTokens ProductOnly' >/etc/cups/client.conf
	body 200 >page.txt
	ipptool -tv ipp://192.0.2.20:631/ipp/print get-printer-attributes.test >attributes || true
	ipptool -f page.txt -d filetype=text/plain ipp://192.0.2.20:631/ipp/print print-job.test || true
}
