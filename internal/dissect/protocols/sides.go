// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// eitherStream calls inspect for the side that spoke first and, if that refuses, for the other side: a capture from
// mid-flow begins within a message of one side, but the other side's first message may be complete.
func eitherStream(c *dissect.Conversation, r *dissect.Result, inspect func(c *dissect.Conversation, b []byte,
	r *dissect.Result) dissect.Verdict) dissect.Verdict {
	v := inspect(c, c.First(), r)
	if v != dissect.No || c.Transport != dissect.TCP || !c.Midstream {
		return v
	}
	if len(c.Second()) == 0 {
		return moreIf(!c.Last)
	}
	r.DropMetadata() // written by the first attempt
	return inspect(c, c.Second(), r)
}

// otherSide returns the payload of the side that did not speak first: its stream, or the newest datagram if that side
// sent it.
func otherSide(c *dissect.Conversation) []byte {
	if c.Transport == dissect.TCP {
		return c.Second()
	}
	if d := c.Newest(); d.FromClient != c.Datagrams[0].FromClient {
		return d.Payload
	}
	return nil
}
