// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/packet"
)

// icmp: RFC 792.
var icmpProtocol = &dissect.Protocol{
	Name: "icmp", Spec: "RFC 792; IANA icmp-parameters", Category: "network",
	Members: []string{"icmp.code", "icmp.id", "icmp.message", "icmp.type"},
	Over:    dissect.IP, IPProtocols: []uint8{1}, Inspect: inspectICMP,
}

// icmpHeader is the length of type, code and checksum.
const icmpHeader = 4

func inspectICMP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < icmpHeader {
		return dissect.No
	}
	o := r.Object("icmp")
	o.Int("type", int64(b[0]))
	o.Int("code", int64(b[1]))
	o.String("message", icmpMessage(b[0]))
	icmpID(o, packet.ProtoICMP, b)
	return dissect.Yes
}

// icmpID writes the identifier of a query, such as an echo (RFC 792, RFC 4443 §4.1), which distinguishes the queries of
// one host.
func icmpID(o *dissect.Object, proto uint8, b []byte) {
	if request, _ := packet.ICMPQuery(proto, b[0]); request != 0 && len(b) >= 8 {
		o.Int("id", int64(be16(b[4:])))
	}
}

// icmpMessage returns the name of a type in IANA's registry, "" for deprecated and unassigned types.
func icmpMessage(t byte) string {
	switch t {
	case 0:
		return "echo-reply"
	case 3:
		return "destination-unreachable"
	case 5:
		return "redirect"
	case 8:
		return "echo"
	case 9:
		return "router-advertisement"
	case 10:
		return "router-solicitation"
	case 11:
		return "time-exceeded"
	case 12:
		return "parameter-problem"
	case 13:
		return "timestamp"
	case 14:
		return "timestamp-reply"
	}
	return ""
}
