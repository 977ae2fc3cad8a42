// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ads: Beckhoff's Automation Device Specification, by the AMS header over TCP and by its discovery over UDP.
var adsProtocol = &dissect.Protocol{
	Name:      "ads",
	Spec:      "Beckhoff TwinCAT ADS/AMS specification, \"AMS/TCP packet\"",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{48898, 48899},
	Start:     dissect.BytesOf(0, 3),
	MinLength: 12,
	Members:   []string{"ads.command", "ads.target_port"},
	Inspect:   inspectADS,
}

const (
	adsTCP    = 6  // reserved (0), length; all numbers are little endian
	adsHeader = 32 // target and source with their ports, command, flags, length, error, invocation
)

func inspectADS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.UDP {
		if !hasPrefix(b, "\x03\x66\x14\x71") || len(b) < 12 {
			return dissect.No
		}
		return dissect.Yes
	}
	if len(b) < adsTCP+adsHeader {
		return moreIf(couldBe(b, "\x00\x00"))
	}
	h := b[adsTCP:]
	length, command, flags := le32(b[2:]), le16(h[16:]), le16(h[18:])
	if b[0] != 0 || b[1] != 0 || length != adsHeader+le32(h[20:]) || command < 1 || command > 9 || flags&^0x41 != 4 {
		return dissect.No
	}
	o := r.Object("ads")
	o.Int("command", int64(command))
	o.Int("target_port", int64(le16(h[6:])))
	return dissect.Yes
}
