// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// babel: the routing protocol of RFC 8966: magic number, version, length, and fields that fill it.
var babelProtocol = &dissect.Protocol{
	Name:      "babel",
	Spec:      "RFC 8966 §4.2, §4.3",
	Category:  "routing",
	Over:      dissect.UDP,
	Ports:     []uint16{6696},
	MinLength: babelHeader,
	Members:   []string{"babel.first_type"},
	Inspect:   inspectBabel,
}

const babelHeader = 1 + 1 + 2

func inspectBabel(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const magic, version, pad1, maxFields = 42, 2, 0, 512
	d := c.Newest()
	b := d.Payload
	if len(b) < babelHeader || b[0] != magic || b[1] != version || be16(b[2:]) == 0 || babelHeader+
		be16(b[2:]) > d.Length {
		return dissect.No
	}
	end := babelHeader + be16(b[2:]) // a trailer may follow
	at := babelHeader
	for n := 0; n < maxFields && at < end && at < len(b); n++ {
		if b[at] == pad1 {
			at++
			continue
		}
		if at+1 >= len(b) {
			break
		}
		at += 2 + int(b[at+1]) // receivers skip unknown types (§4.3)
	}
	if at != end && len(b) == d.Length || at > end {
		return dissect.No
	}
	r.Object("babel").Int("first_type", int64(b[babelHeader]))
	return dissect.Yes
}
