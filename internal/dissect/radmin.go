// SPDX-License-Identifier: Apache-2.0

package dissect

// radmin: Famatech Radmin's first message and its answer, each with type 1, length and checksum.
var _ = register(Protocol{
	Name:      "radmin",
	Spec:      "Famatech Radmin 2 and 3, as observed",
	Category:  "remote-access",
	Over:      TCP,
	Ports:     []uint16{4899},
	Start:     Of(1),
	MinLength: 9,
	Inspect:   inspectRadmin,
})

func inspectRadmin(c *Conversation, r *Result) Verdict {
	const request, answer = "\x01\x00\x00\x00\x01\x00\x00\x00\x08", "\x01\x00\x00\x00\x25"
	if !couldBe(c.ToServer(), request) || !couldBe(c.ToClient(), answer) {
		return No
	}
	if len(c.ToServer()) < len(request) || len(c.ToClient()) < len(answer) {
		return NeedMore
	}
	return Yes
}
