// SPDX-License-Identifier: Apache-2.0

package dissect

import "net/netip"

// HSRP version 1 (RFC 2281 §5) and 2 (Cisco: the same fields in type-length-value form).
var _ = register(Protocol{
	Name: "hsrp", Spec: "RFC 2281 §5", Category: "routing",
	Over: UDP, Ports: []uint16{1985, 2029}, Inspect: inspectHSRP,
})

func inspectHSRP(c *Conversation, r *Result) Verdict {
	const length1, group2 = 20, 40
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < 16 || len(b) < length1 && b[1] != 3 {
		return No
	}
	o := r.Object("hsrp")
	if b[0] == 0 { // what version 1 says: opcode, state, times, priority, group, reserved, password, address
		const advertise = 3
		if b[1] == advertise { // Cisco's: type 1 (interface), length 10, passive or active
			return verdictIf(d.Length == 16 && be16(b[2:]) == 1 && be16(b[4:]) == 10 && b[6] >= 1 && b[6] <= 3)
		}
		if b[1] > advertise || b[2] > 16 || b[2]&(b[2]-1) != 0 || b[3] == 0 || b[4] < b[3] || b[7] != 0 || !hsrpTrailer(b[length1:], d.Length-length1) {
			return No
		}
		o.Int("version", 1)
		o.Int("group", int64(b[6]))
		o.Int("priority", int64(b[5]))
		o.Addr("address", netip.AddrFrom4([4]byte(b[length1-4:])))
		return Yes
	}
	if b[0] != 1 || b[1] != group2 || len(b) < 2+group2 || b[2] != 2 || b[3] > 3 || b[4] > 6 || b[5] != 4 && b[5] != 6 || !hsrpTrailer(b[2+group2:], d.Length-2-group2) {
		return No
	}
	o.Int("version", 2)
	o.Int("group", int64(be16(b[6:])))
	o.Int("priority", int64(be32(b[14:])))
	if b[5] == 4 {
		o.Addr("address", netip.AddrFrom4([4]byte(b[26:])))
	}
	return Yes
}

// hsrpTrailer checks what follows the fields: nothing, or Cisco's authentication, as text (type 3, length 8) or MD5 (type 4,
// length 28).
func hsrpTrailer(b []byte, length int) bool {
	switch length {
	case 0:
		return true
	case 2 + 8:
		return hasPrefix(b, "\x03\x08")
	case 2 + 28:
		return hasPrefix(b, "\x04\x1c")
	}
	return false
}
