// SPDX-License-Identifier: Apache-2.0

package dissect

// egd: GE's Ethernet Global Data: the header of a production message.
var _ = register(Protocol{
	Name:      "egd",
	Spec:      "GE Fanuc GFK-1541, \"Ethernet Global Data packet structure\"",
	Category:  "industrial",
	Over:      UDP,
	Ports:     []uint16{18246},
	Start:     Of(13),
	MinLength: egdHeader,
	Inspect:   inspectEGD,
})

const egdHeader = 32 // type, version, request, producer, exchange, time (8), status, signature, reserved; little endian

func inspectEGD(c *Conversation, r *Result) Verdict {
	b := c.First()
	const second = 1e9 // nanoseconds
	if len(b) < egdHeader || b[0] != 13 || b[1] != 1 || le32(b[28:]) != 0 || le32(b[4:]) == 0 || le32(b[16:]) >= second {
		return No
	}
	o := r.Object("egd")
	o.Int("exchange_id", int64(le32(b[8:])))
	return Yes
}
