// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// bgp: BGP-4 (RFC 4271 §4.1).
var bgpProtocol = &dissect.Protocol{
	Name: "bgp", Spec: "RFC 4271 §4", Category: "routing",
	Members: []string{"bgp.autonomous_system", "bgp.hold_time", "bgp.message", "bgp.router_id"},
	Over:    dissect.TCP, Ports: []uint16{179}, Start: dissect.BytesOf(0xff), MinLength: 1, Inspect: inspectBGP,
}

const (
	bgpMarker = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	bgpHeader = len(bgpMarker) + 3
)

func inspectBGP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const open, lastType, version, openSize = 1, 5, 4, bgpHeader + 10
	b := c.First()
	if !couldBe(b, bgpMarker) {
		return dissect.No
	}
	if len(b) < bgpHeader {
		return dissect.NeedMore
	}
	length, kind := be16(b[len(bgpMarker):]), b[bgpHeader-1]
	if length < bgpHeader || kind == 0 || kind > lastType || kind == 4 && length != bgpHeader {
		return dissect.No
	}
	if kind != open {
		r.Object("bgp").String("message", [...]string{2: "update", 3: "notification", 4: "keepalive",
			5: "route-refresh"}[kind])
		return dissect.Yes
	}
	if len(b) < openSize {
		return dissect.NeedMore
	}
	if b[bgpHeader] != version || length < openSize {
		return dissect.No
	}
	o := r.Object("bgp")
	o.String("message", "open")
	o.Int("autonomous_system", int64(be16(b[bgpHeader+1:])))
	o.Int("hold_time", int64(be16(b[bgpHeader+3:])))
	var text [15]byte
	o.Text("router_id", appendDotted(text[:0], b[bgpHeader+5:bgpHeader+9]))
	return dissect.Yes
}
