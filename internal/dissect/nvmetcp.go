// SPDX-License-Identifier: Apache-2.0

package dissect

// nvme-tcp: NVMe over TCP, from the initialisation request and response with which a connection begins.
var _ = register(Protocol{
	Name:      "nvme-tcp",
	Spec:      "NVM Express TCP Transport Specification 1.0 §3.6.2.2, §3.6.2.3",
	Category:  "storage",
	Over:      TCP,
	Ports:     []uint16{4420, 8009},
	Start:     Of(0, 1),
	MinLength: 8,
	Inspect:   inspectNVMeTCP,
})

func inspectNVMeTCP(c *Conversation, r *Result) Verdict {
	// Type (0 the request, 1 the response), no flags, both lengths 128, no data, then format 0.
	const rest = "\x00\x80\x00\x80\x00\x00\x00\x00\x00"
	b := c.First()
	if len(b) < 1+len(rest) {
		return moreIf(len(b) > 0 && couldBe(b[1:], rest))
	}
	if b[0] > 1 || !hasPrefix(b[1:], rest) {
		return No
	}
	return Yes
}
