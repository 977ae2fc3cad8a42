// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ookla: the speed test's greeting over TCP.
var ooklaProtocol = &dissect.Protocol{
	Name: "ookla", Spec: "Ookla speed test over TCP: HI, HELLO", Category: "network",
	Over: dissect.TCP, Ports: []uint16{8080}, Start: dissect.FirstBytes("HI", "HELLO "), MinLength: 3,
	Inspect: inspectOokla,
}

// inspectOokla wants the client's "HI", alone or with its identifier, and the server's "HELLO 2." with its version.
func inspectOokla(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	hi, hello := c.First(), c.Second()
	if c.ServerFirst() {
		hi, hello = hello, hi
	}
	if len(hi) > 0 && !couldBe(hi, "HI\n") && !couldBe(hi, "HI\r\n") && !couldBe(hi, "HI ") ||
		!couldBe(hello, "HELLO 2.") {
		return dissect.No
	}
	if len(hi) < 3 || len(hello) < len("HELLO 2.") {
		return dissect.NeedMore
	}
	r.SetApplication("ookla")
	return dissect.Yes
}
