// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// Overlay networks that open with a message in the clear.
var (
	_ = register(Protocol{
		Name: "zerotier", Spec: "ZeroTier protocol: packet header, HELLO", Category: "vpn",
		Over: UDP, Ports: []uint16{9993}, MinLength: zerotierHello, Inspect: inspectZerotier, // no Start: a random number begins it
	})
	_ = register(Protocol{
		Name: "nebula", Spec: "Nebula: header, handshake", Category: "vpn",
		Over: UDP, Ports: []uint16{4242}, Start: Of(0x10), MinLength: nebulaHeader + 1, Inspect: inspectNebula,
	})
)

// zerotierHello is as far as a HELLO is read: packet number, destination, source, cipher and hops, MAC, verb, versions, time,
// and the identity's address and type.
const zerotierHello = 8 + 5 + 5 + 1 + 8 + 1 + 5 + 8 + 5 + 1

// inspectZerotier wants a HELLO, which is in the clear (cipher 0), with a time, in milliseconds, from 2004 to 2039, and the
// sender's address in its identity.
func inspectZerotier(c *Conversation, r *Result) Verdict {
	const source, flags, verb, version, time, identity, hello, lastHop = 13, 18, 27, 28, 33, 41, 1, 7
	b := c.Newest().Payload
	if len(b) < zerotierHello || b[flags]&^lastHop != 0 || b[verb] != hello || b[version] == 0 || be16(b[time:]) != 0 || b[time+2] != 1 || b[zerotierHello-1] > 1 {
		if len(c.Datagrams) < 8 {
			return NeedMore // what precedes it is encrypted
		}
		return No
	}
	if !bytes.Equal(b[source:source+5], b[identity:identity+5]) || isZero(b[source:source+5]) {
		return No
	}
	o := r.Object("zerotier")
	o.Int("version", int64(b[version]))
	o.Hex("address", b[source:source+5])
	return Yes
}

// nebulaHeader: version and type, subtype, 2 reserved bytes, index, counter.
const nebulaHeader = 16

// inspectNebula wants the first message of a handshake: but for version 1 and counter 1, its header is zero.
func inspectNebula(c *Conversation, _ *Result) Verdict {
	b := c.First()
	if len(b) <= nebulaHeader || b[0] != 0x10 || !isZero(b[1:nebulaHeader-1]) || b[nebulaHeader-1] != 1 || hasManyZeros(b[nebulaHeader:]) {
		return No
	}
	return Yes
}
