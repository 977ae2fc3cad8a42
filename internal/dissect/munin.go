// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// Munin: a node greets, the master answers with commands (Munin guide, "network protocol").
var _ = register(Protocol{
	Name: "munin", Spec: "Munin guide, network protocol", Category: "system",
	Over: TCP, Ports: []uint16{4949}, Start: Of('#'), MinLength: 14, Inspect: inspectMunin,
})

func inspectMunin(c *Conversation, r *Result) Verdict {
	const greeting = "# munin node at "
	b := c.ToClient()
	if !couldBe(b, greeting) { // or the two were taken for one another
		b = c.ToServer()
	}
	if !couldBe(b, greeting) {
		return No
	}
	if len(b) == 0 {
		return NeedMore // impatient masters send their commands before the greeting came
	}
	line, _, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		return NeedMore
	}
	if len(line) < len(greeting) {
		return No
	}
	host := bytes.TrimRight(line[len(greeting):], "\r")
	if !isPrintable(host) {
		return No
	}
	r.Object("munin").Text("node", host)
	return Yes
}
