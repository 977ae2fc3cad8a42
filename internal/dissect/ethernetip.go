// SPDX-License-Identifier: Apache-2.0

package dissect

// ethernet-ip: the encapsulation header of explicit messages, and, as cip, the common packet format of implicit input and
// output over UDP.
var _ = register(Protocol{
	Name:      "ethernet-ip",
	Also:      []string{"cip"},
	Spec:      "ODVA CIP Networks Library volume 2, §2-3 to §2-6",
	Category:  "industrial",
	Over:      TCP | UDP,
	Ports:     []uint16{enipPort, 2222},
	Start:     Of(0x04, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70, 2),
	MinLength: 14,
	Inspect:   inspectEthernetIP,
})

const (
	enipPort   = 44818
	enipHeader = 24 // command, length, session, status, sender context (8), options; little endian
)

func inspectEthernetIP(c *Conversation, r *Result) Verdict {
	b := c.First()
	if c.Transport == UDP && hasPrefix(b, "\x02\x00\x02\x80\x08\x00") {
		return cipImplicit(&c.Datagrams[0], r)
	}
	if len(b) < enipHeader {
		return moreIf(c.Transport == TCP)
	}
	length, command := le16(b[2:]), b[0]
	if len(b) < enipHeader+length {
		return moreIf(c.Transport == TCP)
	}
	hasSession := le32(b[4:]) != 0
	if b[1] != 0 || le32(b[20:]) != 0 || le32(b[8:])&^0xff != 0 || c.Transport == UDP && enipHeader+length != c.Datagrams[0].Length {
		return No
	}
	switch command {
	case 0x04, 0x63, 0x64: // list services, identities, interfaces: a request has no more
		if length == 1 || !c.HasPort(enipPort) || len(b) != enipHeader+length { // nearly all zeros is not enough elsewhere
			return No
		}
	case 0x65: // register session: version 1, options 0
		if length != 4 || string(b[enipHeader:enipHeader+4]) != "\x01\x00\x00\x00" {
			return No
		}
	case 0x66:
		if length != 0 || !hasSession || len(b) != enipHeader {
			return No
		}
	case 0x6f, 0x70: // interface (0: CIP), timeout, number of items
		if length < 16 || le32(b[enipHeader:]) != 0 || !hasSession {
			return No
		}
	default:
		return No
	}
	r.Object("ethernet_ip").Int("command", int64(command))
	return Yes
}

// cipImplicit checks the two items of a connected message: sequenced address, then connected data whose length fits.
func cipImplicit(d *Datagram, r *Result) Verdict {
	const header = 2 + 4 + 8 + 4 // number of items; type and length; connection and sequence number; type and length
	b := d.Payload
	if len(b) < header || le16(b[14:]) != 0xb1 || header+le16(b[16:]) != d.Length {
		return No
	}
	r.SetProtocol("cip")
	return Yes
}
