// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// jdwp: Java Debug Wire Protocol, by the handshake that both sides send.
var jdwpProtocol = &dissect.Protocol{
	Name:      "jdwp",
	Spec:      "Java Debug Wire Protocol: JDWP Start-up",
	Category:  "developer",
	Over:      dissect.TCP,
	Ports:     []uint16{5005},
	Start:     dissect.FirstBytes(jdwpHandshake),
	MinLength: len(jdwpHandshake),
	Inspect:   inspectJDWP,
}

const jdwpHandshake = "JDWP-Handshake"

func inspectJDWP(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	if hasPrefix(c.First(), jdwpHandshake) || hasPrefix(c.Second(), jdwpHandshake) {
		return dissect.Yes
	}
	return moreIf(couldBe(c.First(), jdwpHandshake))
}
