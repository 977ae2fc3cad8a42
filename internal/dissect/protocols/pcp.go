// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// inspectPCP checks version, opcode (announce, map, peer), reserved bits and the length: a multiple of 4, at most 1100.
// Receivers ignore reserved bits (§7.1); if a request sets them, the client address in it must be the sender's, or
// IPv4.
func inspectPCP(c *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	const header, maxLength = 24, 1100
	opcode := b[1] & 0x7f
	if len(b) < header || len(b) > maxLength || len(b)%4 != 0 || opcode > 2 {
		return dissect.No
	}
	sizes := [...]int{0, 36, 56}
	if b[1]&0x80 == 0 && be16(b[2:]) != 0 || opcode != 0 && len(b) >= header+sizes[opcode] &&
		!isZero(b[header+13:header+16]) {
		client := netip.AddrFrom16([16]byte(b[8:header]))
		if b[1]&0x80 != 0 || len(b) < header+sizes[opcode] || !client.Is4In6() && client != c.Client.Addr() {
			return dissect.No
		}
		r.SetProtocol("pcp")
		r.Object("pcp").String("operation", [...]string{"announce", "map", "peer"}[opcode])
		return dissect.Yes
	}
	if b[1]&0x80 == 0 && (len(b) < header+sizes[opcode] || isZero(b[8:header])) { // the client's address
		return dissect.No
	}
	if b[1]&0x80 != 0 && (b[2] != 0 || b[3] > 13 || b[3] == 0 && len(b) < header+sizes[opcode] ||
		!isZero(b[12:header])) {
		return dissect.No
	}
	r.SetProtocol("pcp")
	r.Object("pcp").String("operation", [...]string{"announce", "map", "peer"}[opcode])
	return dissect.Yes
}
