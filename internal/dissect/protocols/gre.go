// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// gre: Generic Routing Encapsulation, and PPTP's version of it.
var greProtocol = onIP("gre", "RFC 2784 §2; RFC 2890; RFC 2637 §4.1", "vpn", 47, checkGRE,
	"gre.protocol_type")

// checkGRE wants version 0 without the bits that make receivers discard it (RFC 2784 §2.3; the routing bit is RFC
// 1701's), or PPTP's version 1 with protocol type PPP.
func checkGRE(d *dissect.Datagram, r *dissect.Result) bool {
	b := d.Payload
	if len(b) < 4 {
		return false
	}
	const discarded = 0x0c
	protocol := be16(b[2:])
	switch b[1] & 7 {
	case 0:
		if b[0]&discarded != 0 {
			return false
		}
	case 1:
		if protocol != 0x880b {
			return false
		}
	default:
		return false
	}
	r.Object("gre").Int("protocol_type", int64(protocol))
	return true
}
