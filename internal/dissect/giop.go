// SPDX-License-Identifier: Apache-2.0

package dissect

// giop: CORBA's General Inter-ORB Protocol: a header of 12 bytes.
var _ = register(Protocol{
	Name:      "giop",
	Spec:      "OMG CORBA 3.3 part 2 §9.4.1",
	Category:  "rpc",
	Over:      TCP,
	Ports:     []uint16{683},
	Start:     Firsts("GIOP"),
	MinLength: 4,
	Inspect:   inspectGIOP,
})

func inspectGIOP(c *Conversation, r *Result) Verdict {
	const header, minors, types = 12, 3, 7
	b := c.First()
	if !couldBe(b, "GIOP\x01") {
		return No
	}
	if len(b) < header {
		return NeedMore
	}
	if b[5] > minors || b[6] > 3 || b[7] > types {
		return No
	}
	o := r.Object("giop")
	o.Int("minor_version", int64(b[5]))
	return Yes
}
