# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# Stands in for /lib/functions.sh and /lib/functions/procd.sh of OpenWrt: UCI's text is read as commands, each calls its
# callback, and what procd is told is printed.

config_load() {
	# shellcheck disable=SC1090
	. "$UCI/$1"
	config_cb
}
config() { config_cb "$1" "$2"; }
option() { option_cb "$1" "$2"; }
list() { list_cb "$1" "$2"; }
logger() {
	if [ $# -gt 2 ]; then echo "log: $3"; else sed 's/^/log: /'; fi
}
procd_open_instance() { echo "procd: open"; }
procd_set_param() { echo "procd: $*"; }
procd_close_instance() { echo "procd: close"; }
procd_add_reload_trigger() { echo "procd: reload $*"; }
