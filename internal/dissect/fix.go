// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// fix: the Financial Information eXchange's tag=value encoding: BeginString and BodyLength come first, in this order.
var _ = register(Protocol{
	Name:      "fix",
	Spec:      "FIX TagValue Encoding §4.4",
	Category:  "finance",
	Over:      TCP,
	Start:     Firsts("8=FIX"),
	MinLength: 5,
	Inspect:   inspectFIX,
})

// fixMaxFields is how many fields of the first message are read; the header's come first.
const fixMaxFields = 16

func inspectFIX(c *Conversation, r *Result) Verdict {
	b := c.First()
	if !couldBe(b, "8=FIX.") && !couldBe(b, "8=FIXT.") {
		return No
	}
	version, rest, whole := bytes.Cut(b, []byte{1})
	if len(version) > 16 || whole && len(rest) > 0 && !couldBe(rest, "9=") {
		return No
	}
	if !whole || len(rest) < 3 {
		return NeedMore
	}
	o := r.Object("fix")
	o.Text("version", version[2:])
	for range fixMaxFields {
		field, after, whole := bytes.Cut(rest, []byte{1})
		if !whole {
			break
		}
		rest = after
		tag, value, _ := bytes.Cut(field, []byte{'='})
		switch string(tag) {
		case "35":
			o.Text("message_type", value)
		case "49":
			o.Text("sender", value)
		case "56":
			o.Text("target", value)
			return Yes
		}
	}
	return Yes
}
