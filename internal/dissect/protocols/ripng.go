// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ripng: RFC 2080 §2.1.
var ripngProtocol = &dissect.Protocol{
	Name: "ripng", Spec: "RFC 2080 §2.1", Category: "routing",
	Members: []string{"ripng.command", "ripng.version"},
	Over:    dissect.UDP, Ports: []uint16{521}, Inspect: inspectRIPng,
}

func inspectRIPng(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < ripHeader+ripEntry || (d.Length-ripHeader)%ripEntry != 0 || b[0] == 0 || b[0] > 2 || b[1] != 1 ||
		be16(b[2:]) != 0 {
		return dissect.No
	}
	const nextHop = 0xff
	if prefix, metric := b[ripHeader+18], b[ripHeader+19]; prefix > 128 || metric > 16 && metric != nextHop {
		return dissect.No
	}
	ripDescribe(r.Object("ripng"), b)
	return dissect.Yes
}
