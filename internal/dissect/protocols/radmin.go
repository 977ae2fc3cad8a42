// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// radmin: Famatech Radmin's first message and its answer, each with type 1, length and checksum.
var radminProtocol = &dissect.Protocol{
	Name:      "radmin",
	Spec:      "Famatech Radmin 2 and 3, as observed",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{4899},
	Start:     dissect.BytesOf(1),
	MinLength: 9,
	Inspect:   inspectRadmin,
}

func inspectRadmin(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const request, answer = "\x01\x00\x00\x00\x01\x00\x00\x00\x08", "\x01\x00\x00\x00\x25"
	if !couldBe(c.ToServer(), request) || !couldBe(c.ToClient(), answer) {
		return dissect.No
	}
	if len(c.ToServer()) < len(request) || len(c.ToClient()) < len(answer) {
		return dissect.NeedMore
	}
	return dissect.Yes
}
