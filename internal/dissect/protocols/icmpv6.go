// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/packet"
)

// icmpv6: RFC 4443, with Neighbor Discovery (RFC 4861) and Multicast Listener Discovery (RFC 3810).
var icmpv6Protocol = &dissect.Protocol{
	Name: "icmpv6", Spec: "RFC 4443; RFC 4861; RFC 3810", Category: "network",
	Members: []string{"icmpv6.code", "icmpv6.id", "icmpv6.link_address", "icmpv6.message", "icmpv6.router_lifetime",
		"icmpv6.type"},
	Over: dissect.IP, IPProtocols: []uint8{58}, Inspect: inspectICMPv6,
}

func inspectICMPv6(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < icmpHeader {
		return dissect.No
	}
	o := r.Object("icmpv6")
	o.Int("type", int64(b[0]))
	o.Int("code", int64(b[1]))
	o.String("message", icmpv6Message(b[0]))
	icmpID(o, packet.ProtoICMPv6, b)
	const optionsOfSolicitation, optionsOfAdvertisement = 8, 16
	switch {
	case b[0] == 133 && len(b) > optionsOfSolicitation:
		icmpv6LinkAddress(o, b[optionsOfSolicitation:])
	case b[0] == 134 && len(b) > optionsOfAdvertisement:
		o.Int("router_lifetime", int64(be16(b[6:])))
		icmpv6LinkAddress(o, b[optionsOfAdvertisement:])
	}
	return dissect.Yes
}

func icmpv6Message(t byte) string {
	switch t {
	case 1:
		return "destination-unreachable"
	case 2:
		return "packet-too-big"
	case 3:
		return "time-exceeded"
	case 4:
		return "parameter-problem"
	case 128:
		return "echo"
	case 129:
		return "echo-reply"
	case 130:
		return "listener-query"
	case 131, 143:
		return "listener-report"
	case 132:
		return "listener-done"
	case 133:
		return "router-solicitation"
	case 134:
		return "router-advertisement"
	case 135:
		return "neighbor-solicitation"
	case 136:
		return "neighbor-advertisement"
	case 137:
		return "redirect"
	}
	return ""
}

// icmpv6LinkAddress writes the source link-layer address of Neighbor Discovery's options: type 1, length 1 (of 8
// bytes), RFC 4861 §4.6.1. Options are at least 8 bytes each.
func icmpv6LinkAddress(o *dissect.Object, b []byte) {
	for len(b) >= 8 && b[1] > 0 {
		if b[0] == 1 && b[1] == 1 {
			var text [17]byte
			o.Text("link_address", appendMAC(text[:0], b[2:8]))
			return
		}
		b = b[min(8*int(b[1]), len(b)):]
	}
}
