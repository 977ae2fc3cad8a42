// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// fix: the tag=value encoding of Financial Information eXchange: BeginString and BodyLength come first, in this order.
var fixProtocol = &dissect.Protocol{
	Name:      "fix",
	Spec:      "FIX TagValue Encoding §4.4",
	Category:  "finance",
	Over:      dissect.TCP,
	Start:     dissect.FirstBytes("8="),
	MinLength: 2,
	Members:   []string{"fix.message_type", "fix.sender", "fix.target", "fix.version"},
	Inspect:   inspectFIX,
}

// fixMaxFields bounds the fields read of the first message; the header's come first.
const fixMaxFields = 16

func inspectFIX(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if !couldBe(b, "8=") {
		return dissect.No
	}
	// Version, length and type are the first three fields, in this order, in every version.
	version, rest, ok := fixField(b, "8=", 16)
	length, rest, ok2 := fixField(rest, "9=", 8)
	if !ok || !ok2 || length != nil && !isDigits(length) || version != nil && !isPrintable(version) {
		return dissect.No
	}
	if len(rest) < len("35=") {
		return dissect.NeedMore
	}
	if !hasPrefix(rest, "35=") {
		return dissect.No
	}
	var kind, sender, target []byte
	for range fixMaxFields {
		field, after, whole := bytes.Cut(rest, []byte{1})
		if !whole {
			break
		}
		rest = after
		tag, value, _ := bytes.Cut(field, []byte{'='})
		switch string(tag) {
		case "35":
			kind = value
		case "49":
			sender = value
		case "56":
			target = value
		}
	}
	o := r.Object("fix")
	o.Text("version", version)
	o.Text("message_type", kind)
	o.Text("sender", sender)
	o.Text("target", target)
	return dissect.Yes
}

// fixField reads the value of a field that begins with tag and ends with SOH, at most longest bytes. It is nil if the
// end has not arrived; ok is false if b is no such field.
func fixField(b []byte, tag string, longest int) (value, rest []byte, ok bool) {
	if !couldBe(b, tag) {
		return nil, nil, false
	}
	if len(b) <= len(tag) {
		return nil, nil, true
	}
	value, rest, ok = bytes.Cut(b[len(tag):], []byte{1})
	if !ok {
		return nil, nil, len(value) <= longest
	}
	return value, rest, len(value) > 0 && len(value) <= longest
}
