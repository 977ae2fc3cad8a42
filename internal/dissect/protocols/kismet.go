// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// kismet: the client protocol of Kismet before 2016, by lines of "*" and a sentence's name.
var kismetProtocol = &dissect.Protocol{
	Name:      "kismet",
	Spec:      "Kismet README: Client/Server Protocol",
	Category:  "security",
	Over:      dissect.TCP,
	Ports:     []uint16{2501},
	Start:     dissect.FirstBytes("*"),
	MinLength: 9,
	Inspect:   inspectKismet,
}

func inspectKismet(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if hasPrefix(c.First(), "*KISMET: ") {
		return dissect.Yes
	}
	return dissect.No
}
