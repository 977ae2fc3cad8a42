// SPDX-License-Identifier: Apache-2.0

package dissect

// kismet: the client protocol of Kismet's versions before 2016: lines that begin with "*" and a sentence's name.
var _ = register(Protocol{
	Name:      "kismet",
	Spec:      "Kismet README: Client/Server Protocol",
	Category:  "security",
	Over:      TCP,
	Ports:     []uint16{2501},
	Start:     Firsts("*"),
	MinLength: 9,
	Inspect:   inspectKismet,
})

func inspectKismet(c *Conversation, r *Result) Verdict {
	if hasPrefix(c.First(), "*KISMET: ") {
		return Yes
	}
	return No
}
