// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// hsrp: version 1 (RFC 2281 §5) and 2 (Cisco: the same fields in type-length-value form).
var hsrpProtocol = &dissect.Protocol{
	Name: "hsrp", Spec: "RFC 2281 §5", Category: "routing",
	Members: []string{"hsrp.address", "hsrp.group", "hsrp.priority", "hsrp.version"},
	Over:    dissect.UDP, Ports: []uint16{1985, 2029}, Inspect: inspectHSRP,
}

// Field types of version 2. Receivers skip fields of unknown type.
const (
	hsrpGroup     = 1
	hsrpInterface = 2
	hsrpText      = 3
	hsrpMD5       = 4
)

// hsrpLengths are the lengths of the known fields, in bytes.
var hsrpLengths = [...]int{hsrpGroup: 40, hsrpInterface: 4, hsrpText: 8, hsrpMD5: 28}

func inspectHSRP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	if len(d.Payload) >= 2 && d.Payload[0] == 0 {
		return hsrp1(d, r)
	}
	return hsrp2(d.Payload, d.Length, r)
}

// hsrp1 reads version 1: opcode, state, times, priority, group, reserved, password, address.
func hsrp1(d *dissect.Datagram, r *dissect.Result) dissect.Verdict {
	const length, advertise = 20, 3
	b := d.Payload
	if len(b) >= 16 && b[1] == advertise { // Cisco's: type 1 (interface), length 10, passive or active
		return verdictIf(d.Length == 16 && be16(b[2:]) == 1 && be16(b[4:]) == 10 && b[6] >= 1 && b[6] <= 3)
	}
	if len(b) < length || b[1] > advertise || b[2] > 16 || b[2]&(b[2]-1) != 0 || b[3] == 0 || b[4] < b[3] {
		return dissect.No
	}
	if ok, _, _ := hsrpFields(b[length:], d.Length-length); !ok { // Cisco's authentication
		return dissect.No
	}
	o := r.Object("hsrp")
	o.Int("version", 1)
	o.Int("group", int64(b[6]))
	o.Int("priority", int64(b[5]))
	o.Addr("address", netip.AddrFrom4([4]byte(b[length-4:])))
	return dissect.Yes
}

// hsrp2 wants a group's state among the fields; the interface's state alone is not distinctive.
func hsrp2(b []byte, length int, r *dissect.Result) dissect.Verdict {
	ok, known, group := hsrpFields(b, length)
	if !ok || group == nil {
		return moreIf(ok && known)
	}
	// Version, opcode, state, IP version, group, identifier, priority, times, address.
	if group[0] != 2 || group[1] > 3 || group[2] > 6 || group[3] != 4 && group[3] != 6 {
		return dissect.No
	}
	o := r.Object("hsrp")
	o.Int("version", 2)
	o.Int("group", int64(be16(group[4:])))
	o.Int("priority", int64(be32(group[12:])))
	if group[3] == 4 {
		o.Addr("address", netip.AddrFrom4([4]byte(group[24:])))
	} else {
		o.Addr("address", netip.AddrFrom16([16]byte(group[24:])))
	}
	return dissect.Yes
}

// hsrpFields walks fields that fill length bytes. known: one of them has a known type and its length; group is the
// first group's state.
func hsrpFields(b []byte, length int) (ok, known bool, group []byte) {
	for length > 0 {
		if len(b) < 2 || length < 2+int(b[1]) || len(b) < 2+int(b[1]) {
			return false, known, group
		}
		kind, size := int(b[0]), int(b[1])
		if kind > 0 && kind < len(hsrpLengths) {
			if size != hsrpLengths[kind] {
				return false, known, group
			}
			if known = true; kind == hsrpGroup && group == nil {
				group = b[2 : 2+size]
			}
		}
		b, length = b[2+size:], length-2-size
	}
	return true, known, group
}
