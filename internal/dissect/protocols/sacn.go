// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// sacn: DMX512-A for stage lighting, streamed in ACN, by the name ACN as magic.
var sacnProtocol = &dissect.Protocol{
	Name:      "sacn",
	Spec:      "ANSI E1.31-2018 §5",
	Category:  "iot",
	Over:      dissect.UDP,
	Ports:     []uint16{5568},
	Start:     dissect.BytesOf(0),
	MinLength: len(sacnMagic),
	Members:   []string{"sacn.source"},
	Inspect:   inspectSACN,
}

const (
	// sacnMagic is the sizes of the preamble and postamble, and the name.
	sacnMagic = "\x00\x10\x00\x00ASC-E1.17\x00\x00\x00"
	// sacnSource is the source name's offset: after length, vector and component, then the framing's length and vector.
	sacnSource     = len(sacnMagic) + 2 + 4 + 16 + 2 + 4
	sacnSourceName = 64
)

func inspectSACN(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if !hasPrefix(b, sacnMagic) {
		return dissect.No
	}
	if len(b) > sacnSource {
		name, _, _ := cutZero(b[sacnSource:min(len(b), sacnSource+sacnSourceName)])
		r.Object("sacn").Text("source", name)
	}
	return dissect.Yes
}
