// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// java-rmi: the transport header of Java RMI's wire protocol (JRMP).
var javaRMIProtocol = &dissect.Protocol{
	Name:      "java-rmi",
	Spec:      "Java RMI Specification §10.2",
	Category:  "rpc",
	Over:      dissect.TCP,
	Ports:     []uint16{1099},
	Start:     dissect.FirstBytes("JRMI"),
	MinLength: 4,
	Inspect:   inspectJavaRMI,
}

func inspectJavaRMI(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if !couldBe(b, "JRMI\x00") {
		return dissect.No
	}
	if len(b) < 7 {
		return dissect.NeedMore
	}
	const stream, multiplex = 0x4b, 0x4d
	if b[5] < 1 || b[5] > 2 || b[6] < stream || b[6] > multiplex {
		return dissect.No
	}
	return dissect.Yes
}
