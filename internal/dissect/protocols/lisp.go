// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// lisp: Locator/ID Separation Protocol: data packets (RFC 9300 §5) and control messages (RFC 9301 §5).
var lispProtocol = &dissect.Protocol{
	Name: "lisp", Spec: "RFC 9300 §5.3; RFC 9301 §5", Category: "vpn",
	Members: []string{"lisp.message"},
	Over:    dissect.UDP, Ports: []uint16{4341, 4342}, Inspect: inspectLISP,
}

// Map servers and tunnel routers also hold a session over TCP (draft-ietf-lisp-map-server-reliable-transport §5).
var lispSessionProtocol = &dissect.Protocol{
	Name: "lisp", Spec: "draft-ietf-lisp-map-server-reliable-transport §5", Category: "vpn",
	Over: dissect.TCP, Ports: []uint16{4342}, Start: dissect.BytesOf(0),
	Members:   []string{"lisp.message"},
	MinLength: lispSessionHeader + len(lispEndMarker), Inspect: inspectLISPSession,
}

const (
	lispSessionHeader = 8 // type, total length, message identifier
	lispEndMarker     = "\x9f\xac\xad\xe9"
)

func inspectLISPSession(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const firstType, lastType = 16, 32
	b := c.First()
	if len(b) < lispSessionHeader {
		return dissect.NeedMore
	}
	kind, length := be16(b), be16(b[2:])
	if kind < firstType || kind > lastType || length < lispSessionHeader+len(lispEndMarker) {
		return dissect.No
	}
	if len(b) < length {
		return dissect.NeedMore
	}
	if string(b[length-len(lispEndMarker):length]) != lispEndMarker {
		return dissect.No
	}
	r.Object("lisp").String("message", "session")
	return dissect.Yes
}

func inspectLISP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const dataHeader = 8
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < dataHeader {
		return dissect.No
	}
	o := r.Object("lisp")
	if c.HasPort(4342) {
		kind := lispControl(b, d.Length)
		o.String("message", kind)
		return verdictIf(kind != "")
	}
	// Nothing is encrypted (K), map versions (V) exclude nonce (N), and the packet inside begins with its version.
	const nonce, version, encrypted = 0x80, 0x10, 0x03
	if b[0]&encrypted != 0 || b[0]&nonce != 0 && b[0]&version != 0 || len(b) < dataHeader+20 {
		return dissect.No
	}
	inner, room := b[dataHeader:], d.Length-dataHeader
	o.String("message", "data")
	switch inner[0] >> 4 {
	case 4:
		return verdictIf(inner[0]&15 >= 5 && be16(inner[2:]) == room)
	case 6:
		return verdictIf(be16(inner[4:])+40 == room)
	}
	return dissect.No
}

// lispControl returns the name of a control message whose count and first field after the nonce fit, else "". Receivers
// ignore reserved bits (RFC 9301 §5.2), but a reply must have them clear, because it fixes little else.
func lispControl(b []byte, length int) string {
	const header = 12 // type and flags, count, nonce
	if len(b) < header+12 {
		return ""
	}
	records, body := int(b[3]), b[header:]
	switch b[0] >> 4 {
	case 1:
		if records > 0 && lispMapRequest(body) {
			return "map-request"
		}
	case 2:
		if records > 0 && b[1] == 0 && b[2] == 0 && body[5] <= 128 && body[8]>>4 == 0 && lispFamily(be16(body[10:])) {
			return "map-reply"
		}
	case 3:
		if records > 0 && lispAuthentication(body) {
			return "map-register"
		}
	case 4:
		if records > 0 && lispAuthentication(body) {
			return "map-notify"
		}
	case 8:
		inner := b[4:] // an IP packet that fills the rest
		if inner[0]>>4 == 4 && inner[0]&15 >= 5 && be16(inner[2:]) == length-4 || inner[0]>>4 == 6 &&
			40+be16(inner[4:]) == length-4 {
			return "encapsulated"
		}
	}
	return ""
}

// lispFamily reports whether LISP uses an address family: none, IPv4, IPv6, LCAF (RFC 8060), MAC.
func lispFamily(family int) bool {
	return family <= 2 || family == 16387 || family == 16389
}

// lispAuthentication reports whether RFC 9301 §5.6 defines this key identifier and length of authentication data.
func lispAuthentication(b []byte) bool {
	const ttl, record = 4, 12
	length := be16(b[2:])
	if b[0] > 1 || b[1] > 5 || length != 0 && length != 16 && length != 20 && length != 32 ||
		(length == 0) != (b[1] == 0) {
		return false
	}
	if len(b) < 4+length+record {
		return false
	}
	b = b[4+length:] // the first record: time to live, locators, mask length, flags, version, family
	return b[ttl+1] <= 128 && b[ttl+4]>>4 == 0 && lispFamily(be16(b[record-2:])) && be16(b[record-2:]) != 0
}

// lispMapRequest checks the source's address and the family of the first router in the list of reply addresses.
func lispMapRequest(b []byte) bool {
	lengths := [...]int{0, 4, 16}
	family := be16(b)
	if !lispFamily(family) {
		return false
	}
	if family >= len(lengths) {
		return be16(b) == 16387 && b[2] == 0 // canonical addresses begin with reserved bits (RFC 8060 §3)
	}
	b = b[2+lengths[family]:]
	return len(b) >= 2 && lispFamily(be16(b)) && be16(b) != 0
}
