// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// radius: RADIUS (RFC 2865 §3), accounting (RFC 2866) and dynamic authorization (RFC 5176).
var radiusProtocol = &dissect.Protocol{
	Name:      "radius",
	Spec:      "RFC 2865 §3, §5; RFC 2866; RFC 5176",
	Category:  "authentication",
	Over:      dissect.UDP,
	Ports:     []uint16{1812, 1813, 1645, 1646, 3799},
	Start:     dissect.BytesOf(1, 2, 3, 4, 5, 11, 12, 13, 40, 41, 42, 43, 44, 45),
	MinLength: radiusHeader,
	Members: []string{"radius.called_station", "radius.calling_station", "radius.code", "radius.nas_identifier",
		"radius.nas_ip", "radius.user_name"},
	Inspect: inspectRADIUS,
}

const (
	radiusHeader    = 20
	radiusMaxLength = 4096 // RFC 2865 §3
)

func inspectRADIUS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const userName, nasIPAddress, calledStation, callingStation, nasIdentifier = 1, 4, 30, 31, 32
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < radiusHeader || be16(b[2:]) != d.Length || d.Length > radiusMaxLength || radiusCode(b[0]) == "" {
		return dissect.No
	}
	o := r.Object("radius")
	o.String("code", radiusCode(b[0]))
	cut := d.Length > len(b)
	attributes := b[radiusHeader:]
	if len(attributes) == 0 && !c.HasPort(1812) && !c.HasPort(1813) && !c.HasPort(1645) && !c.HasPort(1646) {
		return dissect.No // only code and length agree
	}
	var seen dissect.ByteSet
	for len(attributes) > 0 { // at least two bytes each, so at most 2,038 of them
		if len(attributes) < 2 {
			return verdictIf(cut)
		}
		n := int(attributes[1])
		if attributes[0] == 0 || n < 2 || n > len(attributes) && !cut {
			return dissect.No
		}
		if n > len(attributes) {
			break
		}
		kind := attributes[0]
		if seen.Has(kind) {
			kind = 0 // the first of repeated attributes counts
		}
		seen = seen.Or(dissect.BytesOf(kind))
		switch value := attributes[2:n]; kind {
		case userName:
			o.Text("user_name", value)
		case nasIPAddress:
			if len(value) == 4 {
				o.Addr("nas_ip", netip.AddrFrom4([4]byte(value)))
			}
		case calledStation:
			o.Text("called_station", value)
		case callingStation:
			o.Text("calling_station", value)
		case nasIdentifier:
			o.Text("nas_identifier", value)
		}
		attributes = attributes[n:]
	}
	return dissect.Yes
}

// radiusCode returns the name of a code in IANA's registry, "" for unused codes.
func radiusCode(code byte) string {
	switch code {
	case 1:
		return "access-request"
	case 2:
		return "access-accept"
	case 3:
		return "access-reject"
	case 4:
		return "accounting-request"
	case 5:
		return "accounting-response"
	case 11:
		return "access-challenge"
	case 12:
		return "status-server"
	case 13:
		return "status-client"
	case 40:
		return "disconnect-request"
	case 41:
		return "disconnect-ack"
	case 42:
		return "disconnect-nak"
	case 43:
		return "coa-request"
	case 44:
		return "coa-ack"
	case 45:
		return "coa-nak"
	}
	return ""
}
