// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// nvme-tcp: NVMe over TCP, by the initialisation request and response that open a connection.
var nvmeTCPProtocol = &dissect.Protocol{
	Name:      "nvme-tcp",
	Spec:      "NVM Express TCP Transport Specification 1.0 §3.6.2.2, §3.6.2.3",
	Category:  "storage",
	Over:      dissect.TCP,
	Ports:     []uint16{4420, 8009},
	Start:     dissect.BytesOf(0, 1),
	MinLength: 8,
	Inspect:   inspectNVMeTCP,
}

func inspectNVMeTCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	// Type (0 the request, 1 the response), no flags, both lengths 128, no data, then format 0.
	const rest = "\x00\x80\x00\x80\x00\x00\x00\x00\x00"
	b := c.First()
	if len(b) < 1+len(rest) {
		return moreIf(len(b) > 0 && couldBe(b[1:], rest))
	}
	if b[0] > 1 || !hasPrefix(b[1:], rest) {
		return dissect.No
	}
	return dissect.Yes
}
