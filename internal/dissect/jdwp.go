// SPDX-License-Identifier: Apache-2.0

package dissect

// jdwp: the Java debug wire protocol, from the handshake that both sides say.
var _ = register(Protocol{
	Name:      "jdwp",
	Spec:      "Java Debug Wire Protocol: JDWP Start-up",
	Category:  "developer",
	Over:      TCP,
	Ports:     []uint16{5005},
	Start:     Firsts(jdwpHandshake),
	MinLength: len(jdwpHandshake),
	Inspect:   inspectJDWP,
})

const jdwpHandshake = "JDWP-Handshake"

func inspectJDWP(c *Conversation, _ *Result) Verdict {
	if hasPrefix(c.First(), jdwpHandshake) || hasPrefix(c.Second(), jdwpHandshake) {
		return Yes
	}
	return moreIf(couldBe(c.First(), jdwpHandshake))
}
