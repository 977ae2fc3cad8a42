// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// onIP returns the entry of a protocol directly over IP with few fields in the record: one function checks the version,
// type and length in the protocol's own header. The IP protocol number alone is only the sender's claim.
func onIP(name, spec, category string, number uint8, check func(d *dissect.Datagram,
	r *dissect.Result) bool, members ...string) *dissect.Protocol {
	return &dissect.Protocol{
		Name: name, Spec: spec, Category: category, Over: dissect.IP, IPProtocols: []uint8{number},
		Members: members,
		Inspect: func(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
			if check(&c.Datagrams[0], r) {
				return dissect.Yes
			}
			return dissect.No
		},
	}
}
