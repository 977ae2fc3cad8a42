// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// roughtime: messages of tagged values, after the frame "ROUGHTIM" and a length (draft-ietf-ntp-roughtime §5), or, in
// Google's first deployment, bare.
var roughtimeProtocol = &dissect.Protocol{
	Name:      "roughtime",
	Spec:      "draft-ietf-ntp-roughtime §4, §5",
	Category:  "network",
	Over:      dissect.UDP | dissect.TCP,
	Ports:     []uint16{2002},
	Start:     dissect.BytesOf('R').Or(dissect.ByteRange(2, 12)), // or the number of tags
	MinLength: 64,
	Members:   []string{"roughtime.message"},
	Inspect:   inspectRoughtime,
}

const roughtimeFrame = "ROUGHTIM"

func inspectRoughtime(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	length := len(b)
	if c.Transport == dissect.UDP {
		length = c.Datagrams[0].Length
	}
	if !hasPrefix(b, roughtimeFrame) {
		if c.Transport == dissect.TCP {
			if couldBe(b, roughtimeFrame) {
				return dissect.NeedMore
			}
			return dissect.No
		}
		return verdictIf(isRoughtime(b, length, r))
	}
	const frame = len(roughtimeFrame) + 4
	if len(b) < frame {
		return dissect.NeedMore
	}
	if size := le32(b[frame-4:]); size%4 != 0 || c.Transport == dissect.UDP && size != length-frame {
		return dissect.No
	}
	return verdictIf(isRoughtime(b[frame:], length-frame, r) || c.Transport == dissect.TCP)
}

// isRoughtime checks a message: the number of tags, offsets that rise in steps of four and fit, tags that rise as
// little-endian numbers, and a request's nonce or a response's signed part among them.
func isRoughtime(b []byte, length int, r *dissect.Result) bool {
	const maxTags = 16 // requests have up to 6, responses 7
	if len(b) < 4 {
		return false
	}
	n := le32(b)
	if n < 2 || n > maxTags || len(b) < 8*n {
		return false
	}
	request, response := false, false
	offset, tag := 0, uint32(0)
	for i := range n {
		if i > 0 {
			next := le32(b[4*i:])
			if next < offset || next%4 != 0 || next > length-8*n {
				return false
			}
			offset = next
		}
		at := 4*n + 4*i
		next := ule32(b[at:])
		if next <= tag && i > 0 {
			return false
		}
		tag = next
		switch string(b[at : at+4]) {
		case "NONC":
			request = true
		case "SREP":
			response = true
		}
	}
	if response {
		r.Object("roughtime").String("message", "response")
	} else {
		r.Object("roughtime").String("message", "request")
	}
	return request || response
}
