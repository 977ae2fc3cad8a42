// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ptpv2: Precision Time Protocol, version 2 (IEEE 1588-2019 §13.3).
var ptpv2Protocol = &dissect.Protocol{
	Name: "ptpv2", Spec: "IEEE 1588-2019 §13.3, annex C", Category: "network",
	Members: []string{"ptpv2.clock", "ptpv2.domain", "ptpv2.message"},
	Over:    dissect.UDP, Ports: []uint16{319, 320}, Inspect: inspectPTP,
}

// ptpTypes are the message types, each with its minimum length, §13.
var ptpTypes = [16]struct {
	name   string
	length int
}{
	0: {"sync", 44}, 1: {"delay-request", 44}, 2: {"peer-delay-request", 54}, 3: {"peer-delay-response", 54},
	8: {"follow-up", 44}, 9: {"delay-response", 54}, 10: {"peer-delay-follow-up", 54}, 11: {"announce", 64},
	12: {"signaling", 44}, 13: {"management", 48},
}

func inspectPTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, version = 34, 2 // receivers ignore the minor version and the control field
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < header || b[1]&15 != version {
		return dissect.No
	}
	t := &ptpTypes[b[0]&15]
	if length := be16(b[2:]); t.name == "" || length < t.length || length > d.Length || d.Length-length > 2 {
		// Over IPv6 two bytes follow (annex D.1)
		return dissect.No
	}
	o := r.Object("ptpv2")
	o.String("message", t.name)
	o.Int("domain", int64(b[4]))
	o.Hex("clock", b[20:28])
	return dissect.Yes
}
