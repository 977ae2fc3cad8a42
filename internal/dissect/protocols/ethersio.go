// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ethersio: SAIA's Ether-S-I/O, by its magic and telegram type.
var ethersioProtocol = &dissect.Protocol{
	Name:      "ethersio",
	Spec:      "SAIA Ether-S-I/O as publicly described",
	Category:  "industrial",
	Over:      dissect.UDP,
	Ports:     []uint16{6060},
	Start:     dissect.FirstBytes("ESIO"),
	MinLength: 8,
	Members:   []string{"ethersio.type"},
	Inspect:   inspectEtherSIO,
}

func inspectEtherSIO(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < 8 || !hasPrefix(b, "ESIO") || b[4] != 0 || b[5] > 4 { // magic, type
		return dissect.No
	}
	r.Object("ethersio").Int("type", int64(b[5]))
	return dissect.Yes
}
