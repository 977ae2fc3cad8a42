// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// nat-pmp and pcp: NAT-PMP (RFC 6886 §3) and its successor PCP (RFC 6887 §7). Messages are short and start with zeros,
// so only their own ports lead to this dissector.
var natPMPProtocol = &dissect.Protocol{
	Name: "nat-pmp", Also: []string{"pcp"}, Spec: "RFC 6886 §3; RFC 6887 §7", Category: "network",
	Members: []string{"nat_pmp.external_ip", "nat_pmp.internal_port", "nat_pmp.lifetime", "nat_pmp.operation",
		"nat_pmp.result", "pcp.operation"},
	Over: dissect.UDP, Ports: []uint16{5350, 5351}, Inspect: inspectNATPMP,
}

func inspectNATPMP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	switch {
	case len(b) < 2 || d.Length != len(b):
		return dissect.No
	case b[0] == 2:
		return inspectPCP(c, b, r)
	case b[0] != 0:
		return dissect.No
	}
	const response = 128
	lengths := [2][3]int{{2, 12, 12}, {12, 16, 16}} // requests and responses: external address, map UDP, map TCP
	operation, failed := b[1]&^response, b[1] >= response && len(b) == 8 && be16(b[2:]) != 0
	if operation > 2 || len(b) != lengths[b[1]/response][operation] && !failed {
		return dissect.No
	}
	o := r.Object("nat_pmp")
	switch b[1] {
	case 0:
		o.String("operation", "external-address")
		if len(c.Datagrams) == 1 && !c.Last {
			return dissect.NeedMore // two zero bytes prove little
		}
		second := c.Datagrams[len(c.Datagrams)-1]
		if second.FromClient == d.FromClient {
			return verdictIf(len(second.Payload) == 2 && second.Payload[0] == 0 || len(second.Payload) == 12 &&
				second.Payload[1] <= 2)
		}
		return verdictIf(len(second.Payload) <= 16 && hasPrefix(second.Payload, "\x00\x80"))
	case 1, 2:
		if be16(b[4:]) == 0 && be32(b[8:]) != 0 { // a request without a port deletes all mappings (§3.4)
			return dissect.No
		}
		if be16(b[2:]) != 0 { // receivers ignore reserved bits, so the answer must confirm
			second := c.Newest()
			if second == d {
				return dissect.NeedMore
			}
			if a := second.Payload; len(a) != 16 || a[0] != 0 || a[1] != b[1]|response || be16(a[8:]) != be16(b[4:]) {
				return dissect.No
			}
		}
		o.String("operation", "map")
		o.Int("internal_port", int64(be16(b[4:])))
		o.Int("lifetime", int64(be32(b[8:])))
		return dissect.Yes
	}
	if be16(b[2:]) > 5 {
		return dissect.No
	}
	o.Int("result", int64(be16(b[2:])))
	if b[1] == response && len(b) == 12 {
		o.Addr("external_ip", netip.AddrFrom4([4]byte(b[8:])))
	}
	return dissect.Yes
}
