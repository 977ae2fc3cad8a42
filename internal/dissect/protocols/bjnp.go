// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// bjnp: Canon's protocol for printers and scanners. Canon published no specification; the layout follows public
// descriptions.
var bjnpProtocol = &dissect.Protocol{
	Name:      "bjnp",
	Spec:      "Canon BJNP as publicly described (SANE pixma, cups-bjnp)",
	Category:  "iot",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{8610, 8611, 8612, 8613},
	Start:     dissect.FirstBytes("BJNP", "MFNP"),
	MinLength: bjnpHeader,
	Members:   []string{"bjnp.command"},
	Inspect:   inspectBJNP,
}

const bjnpHeader = 16 // magic, device, command, two zeros, sequence number, session, length of the payload

func inspectBJNP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < bjnpHeader {
		return moreIf(c.Transport == dissect.TCP && (couldBe(b, "BJN") || couldBe(b, "MFN")))
	}
	if !hasAnyPrefix(b, []string{"BJNP", "BJNB", "BJNS", "MFNP"}) || b[4]&0x7f == 0 || b[4]&0x7f > 3 ||
		be32(b[12:]) > 1<<20 {
		return dissect.No
	}
	r.Object("bjnp").Int("command", int64(b[5]))
	return dissect.Yes
}
