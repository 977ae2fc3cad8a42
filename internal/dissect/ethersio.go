// SPDX-License-Identifier: Apache-2.0

package dissect

// ethersio: SAIA's Ether-S-I/O, from its magic and the type of telegram.
var _ = register(Protocol{
	Name:      "ethersio",
	Spec:      "SAIA Ether-S-I/O as publicly described",
	Category:  "industrial",
	Over:      UDP,
	Ports:     []uint16{6060},
	Start:     Firsts("ESIO"),
	MinLength: 8,
	Inspect:   inspectEtherSIO,
})

func inspectEtherSIO(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < 8 || !hasPrefix(b, "ESIO") || b[4] != 0 || b[5] > 4 { // magic, type
		return No
	}
	r.Object("ethersio").Int("type", int64(b[5]))
	return Yes
}
