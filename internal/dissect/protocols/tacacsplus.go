// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// tacacs-plus: RFC 8907 §4.1.
var tacacsPlusProtocol = &dissect.Protocol{
	Name: "tacacs-plus", Spec: "RFC 8907 §4.1", Category: "authentication",
	Members: []string{"tacacs_plus.encrypted", "tacacs_plus.type"},
	Over:    dissect.TCP, Ports: []uint16{49}, Start: dissect.BytesOf(0xc0, 0xc1), MinLength: 12,
	Inspect: inspectTACACS,
}

func inspectTACACS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, maxLength = 12, 1 << 16
	b := c.First()
	if len(b) < header {
		return dissect.NeedMore
	}
	length := be32(b[8:]) // receivers ignore undefined flags
	if b[0]&^1 != 0xc0 || b[1] < 1 || b[1] > 3 || length < 5 || length > maxLength {
		return dissect.No
	}
	if b[2] != 1 && !c.Midstream || be32(b[4:]) == 0 {
		return dissect.No // a session begins with sequence number 1
	}
	if reply := c.Second(); len(reply) >= header {
		if reply[0]&^1 != 0xc0 || string(reply[4:8]) != string(b[4:8]) {
			return dissect.No
		}
	} else if len(b) < header+length && !c.Last {
		return dissect.NeedMore
	} else if len(b) != header+length {
		return dissect.No
	}
	o := r.Object("tacacs_plus")
	o.String("type", [...]string{1: "authentication", 2: "authorization", 3: "accounting"}[b[1]])
	o.Bool("encrypted", b[3]&1 == 0)
	return dissect.Yes
}
