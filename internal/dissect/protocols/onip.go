// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// onIP is the entry of a protocol that sits on IP itself and of which the record needs little: one function checks the
// version, type and length that its own header has. The IP protocol number alone is a claim of the sender.
func onIP(name, spec, category string, number uint8, check func(d *dissect.Datagram,
	r *dissect.Result) bool) *dissect.Protocol {
	return &dissect.Protocol{
		Name: name, Spec: spec, Category: category, Over: dissect.IP, IPProtocols: []uint8{number},
		Inspect: func(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
			if check(&c.Datagrams[0], r) {
				return dissect.Yes
			}
			return dissect.No
		},
	}
}
