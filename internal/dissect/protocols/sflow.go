// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// sflow: versions 2, 4 and 5 (sflow.org's version 5 specification §5; RFC 3176 §4).
var sflowProtocol = &dissect.Protocol{
	Name:      "sflow",
	Spec:      "sFlow version 5 §5; RFC 3176 §4",
	Category:  "network",
	Over:      dissect.UDP,
	Ports:     []uint16{6343},
	Start:     dissect.BytesOf(0),
	MinLength: 28,
	Members:   []string{"sflow.agent", "sflow.version"},
	Inspect:   inspectSFlow,
}

func inspectSFlow(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < 28 {
		return dissect.No
	}
	version, family := be32(b), be32(b[4:])
	if version != 5 && version != 4 && version != 2 || family != 1 && family != 2 {
		return dissect.No
	}
	at := 12
	if family == 2 {
		at = 24
	}
	agent, _ := netip.AddrFromSlice(b[8:at])
	rest := b[at:]
	if version == 5 {
		if len(rest) < 4 {
			return dissect.No
		}
		rest = rest[4:] // the sub-agent
	}
	// Sequence number, uptime in ms, number of samples, and the first sample's type and length follow.
	const fixed = 12
	if len(rest) < fixed {
		return dissect.No
	}
	samples := be32(rest[8:])
	room := d.Length - len(b) + len(rest) - fixed
	if samples > room/8 || samples == 0 && room != 0 || agent.IsUnspecified() {
		return dissect.No
	}
	if samples > 0 && len(rest) >= fixed+8 {
		kind, length := be32(rest[fixed:]), be32(rest[fixed+4:])
		if kind&0xfff == 0 || kind&0xfff > 8 || version == 5 && (length > room-8 || length%4 != 0) {
			return dissect.No
		}
	}
	o := r.Object("sflow")
	o.Int("version", int64(version))
	o.Addr("agent", agent)
	return dissect.Yes
}
