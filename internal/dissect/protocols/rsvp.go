// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rsvp: Resource Reservation Protocol.
var rsvpProtocol = onIP("rsvp", "RFC 2205 §3.1", "network", 46, checkRSVP,
	"rsvp.type")

// checkRSVP checks version 1, a message type of IANA's registry, and the length.
func checkRSVP(d *dissect.Datagram, r *dissect.Result) bool {
	const header, lastType = 8, 30
	b := d.Payload
	if len(b) < header || b[0]>>4 != 1 || b[1] == 0 || b[1] > lastType || be16(b[6:]) > d.Length ||
		be16(b[6:]) < header || be16(b[6:])%4 != 0 {
		return false
	}
	r.Object("rsvp").Int("type", int64(b[1]))
	return true
}
