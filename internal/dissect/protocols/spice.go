// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// spice: the link message of SPICE: magic, versions, size.
var spiceProtocol = &dissect.Protocol{
	Name:      "spice",
	Spec:      "Spice protocol §2: SpiceLinkMess",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{5900},
	Start:     dissect.FirstBytes("REDQ"),
	MinLength: 4,
	Inspect:   inspectSPICE,
}

func inspectSPICE(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, longest = 16, 4096
	b := c.First()
	if !couldBe(b, "REDQ") {
		return dissect.No
	}
	if len(b) < header {
		return dissect.NeedMore
	}
	if major := le32(b[4:]); major < 1 || major > 2 || le32(b[8:]) > 16 || le32(b[12:]) > longest {
		return dissect.No
	}
	return dissect.Yes
}
