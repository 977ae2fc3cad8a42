// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// hislip: High-Speed LAN Instrument Protocol, by the messages' prologue with an 8-byte payload length.
var hislipProtocol = &dissect.Protocol{
	Name:      "hislip",
	Spec:      "IVI-6.1 §2.4, §6.1",
	Category:  "industrial",
	Over:      dissect.TCP,
	Ports:     []uint16{4880},
	Start:     dissect.FirstBytes("HS"),
	MinLength: hislipHeader,
	Members:   []string{"hislip.message_type", "hislip.sub_address"},
	Inspect:   inspectHiSLIP,
}

const (
	hislipHeader   = 16   // "HS", type, control code, parameter, length of the payload
	hislipLastType = 0x25 // 128 to 255 are the vendors'
)

func inspectHiSLIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < hislipHeader {
		return moreIf(couldBe(b, "HS"))
	}
	if !hasPrefix(b, "HS") || b[2] > hislipLastType && b[2] < 128 || be32(b[8:]) != 0 {
		return dissect.No
	}
	o := r.Object("hislip")
	o.Int("message_type", int64(b[2]))
	if length := be32(b[12:]); b[2] == 0 && length > 0 && length <= dissect.MaxText && len(b) >= hislipHeader+length {
		o.Text("sub_address", b[hislipHeader:hislipHeader+length])
	}
	return dissect.Yes
}
