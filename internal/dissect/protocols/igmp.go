// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// igmp: versions 1 to 3 (RFC 1112 appendix I, RFC 2236 §2, RFC 3376 §4), with DVMRP and multicast router discovery.
var igmpProtocol = &dissect.Protocol{
	Name: "igmp", Spec: "RFC 3376 §4; RFC 2236 §2; RFC 1112", Category: "network",
	Members: []string{"igmp.group", "igmp.message", "igmp.version"},
	Over:    dissect.IP, IPProtocols: []uint8{2}, Inspect: inspectIGMP,
}

func inspectIGMP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const query, reportV1, dvmrp, pimV1, reportV2, leave, trace, traceReply, reportV3 = 0x11, 0x12, 0x13, 0x14, 0x16,
		0x17, 0x1e, 0x1f, 0x22
	b := c.First()
	if len(b) < 4 {
		return dissect.No
	}
	o := r.Object("igmp")
	switch b[0] {
	case query:
		o.String("message", "query")
	case reportV1, reportV2, reportV3:
		o.String("message", "report")
		o.Int("version", igmpVersion(b[0]))
	case leave:
		o.String("message", "leave")
	case dvmrp, pimV1, trace, traceReply, 0x30, 0x31, 0x32: // multicast router discovery: RFC 4286
		return dissect.Yes
	default:
		return dissect.No
	}
	if len(b) < 8 {
		return dissect.No
	}
	group := b[4:8]
	if b[0] == reportV3 && len(b) >= 16 && be16(b[6:]) > 0 { // the first of its group records
		group = b[12:16]
	}
	if addr := netip.AddrFrom4([4]byte(group)); addr.IsMulticast() {
		o.Addr("group", addr)
	}
	return dissect.Yes
}

func igmpVersion(report byte) int64 {
	switch report {
	case 0x12:
		return 1
	case 0x16:
		return 2
	}
	return 3
}
