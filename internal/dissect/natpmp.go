// SPDX-License-Identifier: Apache-2.0

package dissect

import "net/netip"

// NAT-PMP (RFC 6886 §3) and its successor PCP (RFC 6887 §7). Messages are short and start with zeros, so they are looked
// for at their own ports only.
var _ = register(Protocol{
	Name: "nat-pmp", Also: []string{"pcp"}, Spec: "RFC 6886 §3; RFC 6887 §7", Category: "network",
	Over: UDP, Ports: []uint16{5350, 5351}, Inspect: inspectNATPMP,
})

func inspectNATPMP(c *Conversation, r *Result) Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	switch {
	case len(b) < 2 || d.Length != len(b):
		return No
	case b[0] == 2:
		return inspectPCP(c, b, r)
	case b[0] != 0:
		return No
	}
	const response = 128
	lengths := [2][3]int{{2, 12, 12}, {12, 16, 16}} // requests and responses: external address, map UDP, map TCP
	operation, failed := b[1]&^response, b[1] >= response && len(b) == 8 && be16(b[2:]) != 0
	if operation > 2 || len(b) != lengths[b[1]/response][operation] && !failed {
		return No
	}
	o := r.Object("nat_pmp")
	switch b[1] {
	case 0:
		o.String("operation", "external-address")
		if len(c.Datagrams) == 1 && !c.Last {
			return NeedMore // two bytes of zero are not much
		}
		second := c.Datagrams[len(c.Datagrams)-1]
		if second.FromClient == d.FromClient {
			return verdictIf(len(second.Payload) == 2 && second.Payload[0] == 0 || len(second.Payload) == 12 && second.Payload[1] <= 2)
		}
		return verdictIf(len(second.Payload) <= 16 && hasPrefix(second.Payload, "\x00\x80"))
	case 1, 2:
		if be16(b[4:]) == 0 && be32(b[8:]) != 0 { // without a port, all mappings are deleted (§3.4)
			return No
		}
		if be16(b[2:]) != 0 { // reserved, to be ignored: the answer has to bear it out
			second := c.Newest()
			if second == d {
				return NeedMore
			}
			if a := second.Payload; len(a) != 16 || a[0] != 0 || a[1] != b[1]|response || be16(a[8:]) != be16(b[4:]) {
				return No
			}
		}
		o.String("operation", "map")
		o.Int("internal_port", int64(be16(b[4:])))
		o.Int("lifetime", int64(be32(b[8:])))
		return Yes
	}
	if be16(b[2:]) > 5 {
		return No
	}
	o.Int("result", int64(be16(b[2:])))
	if b[1] == response && len(b) == 12 {
		o.Addr("external_ip", netip.AddrFrom4([4]byte(b[8:])))
	}
	return Yes
}

// inspectPCP checks version, opcode (announce, map, peer), reserved bits and the length: a multiple of 4, at most 1100. Where reserved
// bits, which are to be ignored (§7.1), are set in a request, the client's address in it has to be the one that it comes from, or IPv4.
func inspectPCP(c *Conversation, b []byte, r *Result) Verdict {
	const header, maxLength = 24, 1100
	opcode := b[1] & 0x7f
	if len(b) < header || len(b) > maxLength || len(b)%4 != 0 || opcode > 2 {
		return No
	}
	sizes := [...]int{0, 36, 56}
	if b[1]&0x80 == 0 && be16(b[2:]) != 0 || opcode != 0 && len(b) >= header+sizes[opcode] && !isZero(b[header+13:header+16]) {
		client := netip.AddrFrom16([16]byte(b[8:header]))
		if b[1]&0x80 != 0 || len(b) < header+sizes[opcode] || !client.Is4In6() && client != c.Client.Addr() {
			return No
		}
		r.SetProtocol("pcp")
		r.Object("pcp").String("operation", [...]string{"announce", "map", "peer"}[opcode])
		return Yes
	}
	if b[1]&0x80 == 0 && (len(b) < header+sizes[opcode] || isZero(b[8:header])) { // the client's address
		return No
	}
	if b[1]&0x80 != 0 && (b[2] != 0 || b[3] > 13 || b[3] == 0 && len(b) < header+sizes[opcode] || !isZero(b[12:header])) {
		return No
	}
	r.SetProtocol("pcp")
	r.Object("pcp").String("operation", [...]string{"announce", "map", "peer"}[opcode])
	return Yes
}
