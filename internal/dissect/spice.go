// SPDX-License-Identifier: Apache-2.0

package dissect

// spice: the link message of SPICE: magic, versions, size.
var _ = register(Protocol{
	Name:      "spice",
	Spec:      "Spice protocol §2: SpiceLinkMess",
	Category:  "remote-access",
	Over:      TCP,
	Ports:     []uint16{5900},
	Start:     Firsts("REDQ"),
	MinLength: 4,
	Inspect:   inspectSPICE,
})

func inspectSPICE(c *Conversation, r *Result) Verdict {
	const header, longest = 16, 4096
	b := c.First()
	if !couldBe(b, "REDQ") {
		return No
	}
	if len(b) < header {
		return NeedMore
	}
	if major := le32(b[4:]); major < 1 || major > 2 || le32(b[8:]) > 16 || le32(b[12:]) > longest {
		return No
	}
	return Yes
}
