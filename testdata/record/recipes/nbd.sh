# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nbdkit libnbd-bin'
ready='tcp/10809'
expect='tcp.payload contains "NBDMAGICIHAVEOPT"'
protocols='nbd'
shows='Network block device: negotiation and size'

server() {
	nbdkit -f memory 1M
}

client() {
	nbdinfo nbd://192.0.2.20
}
