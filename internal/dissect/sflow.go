// SPDX-License-Identifier: Apache-2.0

package dissect

import "net/netip"

// sFlow versions 2, 4 and 5 (sflow.org's version 5 specification §5; RFC 3176 §4).
var _ = register(Protocol{
	Name:      "sflow",
	Spec:      "sFlow version 5 §5; RFC 3176 §4",
	Category:  "network",
	Over:      UDP,
	Ports:     []uint16{6343},
	Start:     Of(0),
	MinLength: 28,
	Inspect:   inspectSFlow,
})

func inspectSFlow(c *Conversation, r *Result) Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < 28 {
		return No
	}
	version, family := be32(b), be32(b[4:])
	if version != 5 && version != 4 && version != 2 || family != 1 && family != 2 {
		return No
	}
	at := 12
	if family == 2 {
		at = 24
	}
	agent, _ := netip.AddrFromSlice(b[8:at])
	rest := b[at:]
	if version == 5 {
		if len(rest) < 4 {
			return No
		}
		rest = rest[4:] // the sub-agent
	}
	// Then sequence number, uptime in ms, number of samples, and the first sample's type and length.
	const fixed = 12
	if len(rest) < fixed {
		return No
	}
	samples := be32(rest[8:])
	room := d.Length - len(b) + len(rest) - fixed
	if samples > room/8 || samples == 0 && room != 0 || agent.IsUnspecified() {
		return No
	}
	if samples > 0 && len(rest) >= fixed+8 {
		kind, length := be32(rest[fixed:]), be32(rest[fixed+4:])
		if kind&0xfff == 0 || kind&0xfff > 8 || version == 5 && (length > room-8 || length%4 != 0) {
			return No
		}
	}
	o := r.Object("sflow")
	o.Int("version", int64(version))
	o.Addr("agent", agent)
	return Yes
}
