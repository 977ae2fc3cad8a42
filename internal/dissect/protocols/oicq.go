// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// oicq: QQ over UDP, after the public description of its frame: 0x02, version, command, sequence, QQ number, body,
// 0x03. The frame fixes only 27 bits, so only its own port leads to this dissector.
var oicqProtocol = &dissect.Protocol{
	Name:     "oicq",
	Spec:     "OICQ frame (LumaQQ project)",
	Category: "messaging",
	Over:     dissect.UDP,
	Ports:    []uint16{8000},
	Members:  []string{"oicq.command", "oicq.number", "oicq.version"},
	Inspect:  inspectOICQ,
}

const (
	oicqStart, oicqEnd = 0x02, 0x03
	oicqHeader         = 11
	oicqMinNumber      = 10000 // the first QQ number
	oicqMaxCommand     = 0x00ff
)

func inspectOICQ(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		b := d.Payload
		if len(b) < oicqHeader+1 || b[0] != oicqStart || d.Length == len(b) && b[len(b)-1] != oicqEnd {
			return dissect.No
		}
		if command := be16(b[3:]); command == 0 || command > oicqMaxCommand || be32(b[7:]) < oicqMinNumber {
			return dissect.No
		}
	}
	b := c.Datagrams[0].Payload
	o := r.Object("oicq")
	o.Int("version", int64(be16(b[1:])))
	o.Int("command", int64(be16(b[3:])))
	o.Int("number", int64(be32(b[7:])))
	r.SetApplication("qq")
	return dissect.Yes
}
