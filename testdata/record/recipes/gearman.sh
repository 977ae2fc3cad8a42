# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='gearman-job-server gearman-tools'
ready='tcp/4730'
expect='gearman'
protocols='gearman'
shows='Gearman: a worker, a job, its result; the text commands for administrators'

server() {
	gearmand -L 192.0.2.20 -l stderr -u root
}

client() {
	timeout 4 gearman -h 192.0.2.20 -w -f reverse rev &
	sleep 1
	echo hello | gearman -h 192.0.2.20 -f reverse
	gearadmin -h 192.0.2.20 --status
	wait || true
}
