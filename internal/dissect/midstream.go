// SPDX-License-Identifier: Apache-2.0

package dissect

// eitherStream asks inspect about what the side that spoke first has said, and, where that is not it, about the other
// side: a capture that begins in mid-flow begins within a message of one side, and the other's may be whole.
func eitherStream(c *Conversation, r *Result, inspect func(c *Conversation, b []byte, r *Result) Verdict) Verdict {
	v := inspect(c, c.First(), r)
	if v != No || c.Transport != TCP || !c.Midstream {
		return v
	}
	if len(c.Second()) == 0 {
		return moreIf(!c.Last)
	}
	r.info, r.inObject = r.info[:0], false // what the first attempt wrote
	return inspect(c, c.Second(), r)
}
