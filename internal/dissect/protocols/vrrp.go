// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// vrrp and carp: VRRP version 2 (RFC 3768 §5) and 3 (RFC 9568 §5), and CARP, which shares IP protocol number and
// version 2.
var vrrpProtocol = &dissect.Protocol{
	Name: "vrrp", Also: []string{"carp"}, Spec: "RFC 9568 §5; RFC 3768 §5; carp(4)", Category: "routing",
	Members: []string{"carp.host_id", "vrrp.address", "vrrp.priority", "vrrp.router_id", "vrrp.version"},
	Over:    dissect.IP, IPProtocols: []uint8{112}, Inspect: inspectVRRP,
}

func inspectVRRP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header = 8
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < header || b[0]&15 != 1 { // the only type: advertisement
		return dissect.No
	}
	version, addresses, size := b[0]>>4, int(b[3]), 4
	if c.IPv6 {
		size = 16
	}
	if isCARP(d) {
		r.SetProtocol("carp")
		r.Object("carp").Int("host_id", int64(b[1]))
		return dissect.Yes
	}
	need := header + addresses*size
	if version == 2 {
		need += 8 // authentication data
	}
	if version < 2 || version > 3 || b[1] == 0 || addresses == 0 || need > d.Length {
		return dissect.No
	}
	o := r.Object("vrrp")
	o.Int("version", int64(version))
	o.Int("router_id", int64(b[1]))
	o.Int("priority", int64(b[2]))
	if addr, ok := netip.AddrFromSlice(b[header:min(header+size, len(b))]); ok {
		o.Addr("address", addr)
	}
	return dissect.Yes
}
