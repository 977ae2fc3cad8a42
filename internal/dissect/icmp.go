// SPDX-License-Identifier: Apache-2.0

package dissect

import "github.com/weirnet/weir/internal/packet"

// ICMP (RFC 792).
var _ = register(Protocol{
	Name: "icmp", Spec: "RFC 792; IANA icmp-parameters", Category: "network",
	Over: IP, IPProtocols: []uint8{1}, Inspect: inspectICMP,
})

// ICMPv6 (RFC 4443), with Neighbor Discovery (RFC 4861) and Multicast Listener Discovery (RFC 3810).
var _ = register(Protocol{
	Name: "icmpv6", Spec: "RFC 4443; RFC 4861; RFC 3810", Category: "network",
	Over: IP, IPProtocols: []uint8{58}, Inspect: inspectICMPv6,
})

// icmpHeader is type, code and checksum.
const icmpHeader = 4

func inspectICMP(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < icmpHeader {
		return No
	}
	o := r.Object("icmp")
	o.Int("type", int64(b[0]))
	o.Int("code", int64(b[1]))
	o.String("message", icmpMessage(b[0]))
	icmpID(o, packet.ProtoICMP, b)
	return Yes
}

// icmpID writes the identifier of a query, such as an echo (RFC 792, RFC 4443 §4.1): it tells apart what one host asks another.
func icmpID(o *Object, proto uint8, b []byte) {
	if request, _ := packet.ICMPQuery(proto, b[0]); request != 0 && len(b) >= 8 {
		o.Int("id", int64(be16(b[4:])))
	}
}

// icmpMessage is the name of a type in IANA's registry, "" for those that are deprecated or unassigned.
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

func inspectICMPv6(c *Conversation, r *Result) Verdict {
	b := c.First()
	if len(b) < icmpHeader {
		return No
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
	return Yes
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

// icmpv6LinkAddress writes the source link-layer address of Neighbor Discovery's options: type 1, length 1 (of 8 bytes),
// RFC 4861 §4.6.1. Options are at least 8 bytes each.
func icmpv6LinkAddress(o *Object, b []byte) {
	for len(b) >= 8 && b[1] > 0 {
		if b[0] == 1 && b[1] == 1 {
			var text [17]byte
			o.Text("link_address", appendMAC(text[:0], b[2:8]))
			return
		}
		b = b[min(8*int(b[1]), len(b)):]
	}
}
