// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// n2n: the peer-to-peer VPN, versions 2 and 3, without header encryption: version, time to live, flags and type, and
// the community's name, padded with zeros.
var n2nProtocol = &dissect.Protocol{
	Name:      "n2n",
	Spec:      "n2n: common header as publicly described (n2n_wire)",
	Category:  "vpn",
	Over:      dissect.UDP,
	Ports:     []uint16{7654, 7777},
	Start:     dissect.BytesOf(2, 3),
	MinLength: n2nHeader + 16,
	Members:   []string{"n2n.community", "n2n.message", "n2n.version"},
	Inspect:   inspectN2N,
}

const n2nHeader = 1 + 1 + 2

// n2nTypes are the packet types.
var n2nTypes = [...]string{
	1: "register", 2: "deregister", 3: "packet", 4: "register-ack", 5: "register-super", 6: "unregister-super",
	7: "register-super-ack",
	8: "register-super-nak", 9: "federation", 10: "peer-info", 11: "query-peer", 12: "re-register-super",
}

func inspectN2N(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const maxTTL, typeBits, flagBits, shortest = 16, 0x001f, 0x00e0, 3
	b := c.Newest().Payload
	if len(b) < n2nHeader+16 || b[0] != 2 && b[0] != 3 || b[1] == 0 || b[1] > maxTTL {
		return dissect.No
	}
	size := 16
	if b[0] == 3 {
		size = 20
	}
	flags := be16(b[2:])
	kind := flags & typeBits
	if len(b) < n2nHeader+size || flags&^(typeBits|flagBits) != 0 || kind == 0 || kind >= len(n2nTypes) {
		return dissect.No
	}
	community, rest, ok := cutZero(b[n2nHeader : n2nHeader+size])
	if !ok || len(community) < shortest || !isPrintable(community) || !isZero(rest) {
		return dissect.No
	}
	o := r.Object("n2n")
	o.Int("version", int64(b[0]))
	o.String("message", n2nTypes[kind])
	o.Text("community", community)
	return dissect.Yes
}
