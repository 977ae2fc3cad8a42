// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// distcc: four-letter tokens, each with eight hexadecimal digits.
var distccProtocol = &dissect.Protocol{
	Name:      "distcc",
	Spec:      "distcc protocol-1.txt, protocol-2.txt",
	Category:  "developer",
	Over:      dissect.TCP,
	Ports:     []uint16{3632},
	Start:     dissect.FirstBytes("DIST", "DONE"),
	MinLength: 12,
	Inspect:   inspectDistcc,
}

func inspectDistcc(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	for _, tokens := range [][2]string{{"DIST0000000", "ARGC0000"}, {"DONE0000000", "STAT0000"}} {
		if !hasPrefix(b, tokens[0]) || len(b) < 12 || b[11] < '1' || b[11] > '4' {
			continue
		}
		if rest := b[12:]; len(rest) >= 8 && hasPrefix(rest, tokens[1]) || len(rest) >= 4 && hasPrefix(rest, "CDIR") {
			return dissect.Yes
		} else if couldBe(rest, tokens[1]) {
			return dissect.NeedMore
		}
	}
	return dissect.No
}
