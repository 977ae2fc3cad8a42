// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// pim: Protocol Independent Multicast, a routing protocol.
var pimProtocol = onIP("pim", "RFC 7761 §4.9; RFC 3973", "routing", 103, checkPIM,
	"pim.message", "pim.version")

// checkPIM checks version 2, a type below 13 (RFC 8736), the rest of the first byte, and the reserved byte.
func checkPIM(d *dissect.Datagram, r *dissect.Result) bool {
	b := d.Payload
	if len(b) < 4 || b[0]>>4 != 2 || b[0]&15 > 13 {
		return false
	}
	o := r.Object("pim")
	o.Int("version", 2)
	o.String("message", pimTypes[b[0]&15])
	return true
}

// pimTypes names the message types, RFC 7761 §4.9 and IANA's registry.
var pimTypes = [16]string{
	"hello", "register", "register-stop", "join-prune", "bootstrap", "assert", "graft", "graft-ack",
	"candidate-rp-advertisement", "state-refresh", "df-election",
}
