// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// munin: a node greets, and the master answers with commands (Munin guide, "network protocol").
var muninProtocol = &dissect.Protocol{
	Name: "munin", Spec: "Munin guide, network protocol", Category: "system",
	Members: []string{"munin.node"},
	Over:    dissect.TCP, Ports: []uint16{4949}, Start: dissect.BytesOf('#'), MinLength: 14, Inspect: inspectMunin,
}

func inspectMunin(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const greeting = "# munin node at "
	b := c.ToClient()
	if !couldBe(b, greeting) { // else the sides are swapped
		b = c.ToServer()
	}
	if !couldBe(b, greeting) {
		return dissect.No
	}
	if len(b) == 0 {
		return dissect.NeedMore // impatient masters send their commands before the greeting
	}
	line, _, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		return dissect.NeedMore
	}
	if len(line) < len(greeting) {
		return dissect.No
	}
	host := bytes.TrimRight(line[len(greeting):], "\r")
	if !isPrintable(host) {
		return dissect.No
	}
	r.Object("munin").Text("node", host)
	return dissect.Yes
}
