// SPDX-License-Identifier: Apache-2.0

package dissect

// java-rmi: the transport header of Java RMI's wire protocol (JRMP).
var _ = register(Protocol{
	Name:      "java-rmi",
	Spec:      "Java RMI Specification §10.2",
	Category:  "rpc",
	Over:      TCP,
	Ports:     []uint16{1099},
	Start:     Firsts("JRMI"),
	MinLength: 4,
	Inspect:   inspectJavaRMI,
})

func inspectJavaRMI(c *Conversation, r *Result) Verdict {
	b := c.First()
	if !couldBe(b, "JRMI\x00") {
		return No
	}
	if len(b) < 7 {
		return NeedMore
	}
	const stream, multiplex = 0x4b, 0x4d
	if b[5] < 1 || b[5] > 2 || b[6] < stream || b[6] > multiplex {
		return No
	}
	return Yes
}
