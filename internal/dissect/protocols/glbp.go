// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// glbp: Cisco's Gateway Load Balancing Protocol. No specification is public; the form follows Cisco's configuration
// guide and routers' packets: version 1, group, the sender's address, then fields of type and length that fill the
// datagram.
var glbpProtocol = &dissect.Protocol{
	Name: "glbp", Spec: "Cisco IOS configuration guide: GLBP", Category: "routing",
	Members: []string{"glbp.group"},
	Over:    dissect.UDP, Ports: []uint16{3222}, Inspect: inspectGLBP,
}

func inspectGLBP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, version, minField, maxFields = 12, 1, 2, 64
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < header+minField || d.Length != len(b) || b[0] != version || be16(b[4:]) != 0 {
		return dissect.No
	}
	group := be16(b[2:])
	fields := b[header:]
	for range maxFields {
		if len(fields) == 0 {
			r.Object("glbp").Int("group", int64(group))
			return dissect.Yes
		}
		if len(fields) < minField || fields[0] == 0 || fields[0] > 4 || int(fields[1]) < minField ||
			int(fields[1]) > len(fields) {
			return dissect.No
		}
		fields = fields[fields[1]:]
	}
	return dissect.No
}
