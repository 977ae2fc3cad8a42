// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// zerotier: the HELLO of one node to another, in cleartext.
var zerotierProtocol = &dissect.Protocol{
	Name: "zerotier", Spec: "ZeroTier protocol: packet header, HELLO", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{9993}, MinLength: zerotierHello,
	Members: []string{"zerotier.address", "zerotier.version"},
	Inspect: inspectZerotier, // no Start: it begins with a random number
}

// zerotierHello is the length read of a HELLO: packet number, destination, source, cipher and hops, MAC, verb,
// versions, time, and the identity's address and type.
const zerotierHello = 8 + 5 + 5 + 1 + 8 + 1 + 5 + 8 + 5 + 1

// inspectZerotier wants a cleartext HELLO (cipher 0) with a time, in milliseconds, from 2004 to 2039, and the sender's
// address in its identity.
func inspectZerotier(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const source, flags, verb, version, time, identity, hello, lastHop = 13, 18, 27, 28, 33, 41, 1, 7
	b := c.Newest().Payload
	if len(b) < zerotierHello || b[flags]&^lastHop != 0 || b[verb] != hello || b[version] == 0 || be16(b[time:]) != 0 ||
		b[time+2] != 1 || b[zerotierHello-1] > 1 {
		if len(c.Datagrams) < 8 {
			return dissect.NeedMore // encrypted packets may precede it
		}
		return dissect.No
	}
	if !bytes.Equal(b[source:source+5], b[identity:identity+5]) || isZero(b[source:source+5]) {
		return dissect.No
	}
	o := r.Object("zerotier")
	o.Int("version", int64(b[version]))
	o.Hex("address", b[source:source+5])
	return dissect.Yes
}
