// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// eitherStream asks inspect about what the side that spoke first has said, and, where that is not it, about the other
// side: a capture that begins in mid-flow begins within a message of one side, and the other's may be whole.
func eitherStream(c *dissect.Conversation, r *dissect.Result, inspect func(c *dissect.Conversation, b []byte,
	r *dissect.Result) dissect.Verdict) dissect.Verdict {
	v := inspect(c, c.First(), r)
	if v != dissect.No || c.Transport != dissect.TCP || !c.Midstream {
		return v
	}
	if len(c.Second()) == 0 {
		return moreIf(!c.Last)
	}
	r.DropMetadata() // what the first attempt wrote
	return inspect(c, c.Second(), r)
}
