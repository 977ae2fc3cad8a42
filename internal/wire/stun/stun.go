// SPDX-License-Identifier: Apache-2.0

// Package stun parses messages of STUN (RFC 8489), its first edition (RFC 3489) and the protocols built on it, TURN
// (RFC 8656) and ICE (RFC 8445). It copies and allocates nothing.
package stun

import (
	"encoding/binary"
	"net/netip"
)

const (
	// HeaderSize is the header's length (RFC 8489 §5).
	HeaderSize = 20
	// Cookie is the magic cookie in bytes 4 to 7; the first edition's transaction id begins there instead.
	Cookie = 0x2112A442
	// MaxAttributes bounds the attributes that Next reads of a message. Real messages have up to a dozen; 64 of the
	// shortest fill 256 bytes.
	MaxAttributes = 64
	// zoomSize is the length of Zoom's own attribute, in bytes.
	zoomSize = 20
)

// Class is the class of a message (RFC 8489 §5).
type Class uint8

// Classes.
const (
	Request Class = iota
	Indication
	Success
	Error
)

// Method is a message's method, 12 bits (IANA STUN Methods).
type Method uint16

// Methods of STUN, of RFC 3489 (SharedSecret), TURN and TURN over TCP (RFC 6062).
const (
	Binding           Method = 0x001
	SharedSecret      Method = 0x002
	Allocate          Method = 0x003
	Refresh           Method = 0x004
	Send              Method = 0x006
	Data              Method = 0x007
	CreatePermission  Method = 0x008
	ChannelBind       Method = 0x009
	Connect           Method = 0x00A
	ConnectionBind    Method = 0x00B
	ConnectionAttempt Method = 0x00C
)

// Name returns the method's registered name, "" if it has none.
func (m Method) Name() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return ""
}

var methodNames = [...]string{Binding: "binding", SharedSecret: "shared-secret", Allocate: "allocate",
	Refresh: "refresh",
	Send:    "send", Data: "data", CreatePermission: "create-permission", ChannelBind: "channel-bind",
	Connect:        "connect",
	ConnectionBind: "connection-bind", ConnectionAttempt: "connection-attempt"}

// Attribute is the type of an attribute (IANA STUN Attributes).
type Attribute uint16

// Attributes that dissectors read, of RFC 8489 §18.3, RFC 8656 §18, RFC 8445 §16.1, and the additions of MS-TURN §2.2.2
// and MS-ICE2 §2.2.3.
const (
	MappedAddress     Attribute = 0x0001
	Username          Attribute = 0x0006
	MessageIntegrity  Attribute = 0x0008
	Realm             Attribute = 0x0014
	XORRelayedAddress Attribute = 0x0016
	RequestedTransp   Attribute = 0x0019
	XORMappedAddress  Attribute = 0x0020
	Zoom              Attribute = 0x0101 // not registered: Zoom's RFC 3489 requests carry it
	MSVersion         Attribute = 0x8008
	Software          Attribute = 0x8022
	Fingerprint       Attribute = 0x8028
	Origin            Attribute = 0x802F // draft-ietf-tram-stun-origin
	MSSequenceNumber  Attribute = 0x8050
	MSCandidateID     Attribute = 0x8054
	MSServiceQuality  Attribute = 0x8055
	MSImplementation  Attribute = 0x8070
	CiscoWebexFlow    Attribute = 0xC003
)

// State says whether the bytes so far form a message.
type State uint8

// States.
const (
	Invalid State = iota // no message, whatever follows
	Partial              // more bytes can complete it
	Valid                // header and attributes are complete, and lengths fit
)

// Message is one message: views into the parsed bytes.
type Message struct {
	Class  Class
	Method Method
	// Classic: the message has no cookie (RFC 3489).
	Classic bool
	// Transaction is the id: 12 bytes, or 16 if the message is Classic.
	Transaction []byte
	// Size is the length of the message in bytes, with the header.
	Size int

	attributes []byte
	count      int
}

// Parse reads the message at the start of b into m. A message of the first edition must contain only what that edition
// defines.
func Parse(b []byte, m *Message) State {
	*m = Message{}
	if len(b) > 0 && b[0] > 0x3f || len(b) > 3 && b[3]&3 != 0 {
		return Invalid // RFC 8489 §5: two zero bits; a length that is a multiple of 4
	}
	if len(b) < HeaderSize {
		return Partial
	}
	kind := binary.BigEndian.Uint16(b)
	m.Class = Class(kind>>4&1 | kind>>7&2)
	m.Method = Method(kind&0xf | kind>>1&0x70 | kind>>2&0xf80)
	m.Size = HeaderSize + int(binary.BigEndian.Uint16(b[2:]))
	m.Transaction = b[8:HeaderSize]
	if m.Classic = binary.BigEndian.Uint32(b[4:]) != Cookie; m.Classic {
		m.Transaction = b[4:HeaderSize]
		if m.Method != Binding && m.Method != SharedSecret || m.Class == Indication || m.Size > 1<<11 {
			return Invalid
		}
	}
	m.attributes = b[HeaderSize:min(len(b), m.Size)]
	whole := len(b) >= m.Size
	if !m.walk(whole) {
		return Invalid
	}
	if !whole {
		return Partial
	}
	return Valid
}

// walk reports whether the attributes fill the message exactly, as far as it has arrived.
func (m *Message) walk(whole bool) bool {
	b := m.attributes
	for len(b) >= 4 {
		if a := Attribute(binary.BigEndian.Uint16(b)); m.Classic && !isClassic(a) &&
			(a != Zoom || b[2] != 0 || b[3] != zoomSize) {
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(b[2:])+3)&^3
		if n > len(b) {
			return !whole
		}
		b = b[n:]
	}
	return len(b) == 0 || !whole
}

// isClassic reports whether a is an attribute of RFC 3489 §11.2, or one that clients without the cookie also send:
// XOR-MAPPED-ADDRESS and SERVER at their former numbers (0x8020, 0x8022), FINGERPRINT, and ICE's.
func isClassic(a Attribute) bool {
	return a >= 0x0001 && a <= 0x000b || a == 0x0020 || a == 0x0024 || a == 0x0025 || a == 0x8020 || a == 0x8022 ||
		a == 0x8028 || a == 0x8029 || a == 0x802a
}

// Next returns the next attribute; ok is false at the end, and at an incomplete attribute.
func (m *Message) Next() (a Attribute, value []byte, ok bool) {
	if m.count == MaxAttributes || len(m.attributes) < 4 {
		return 0, nil, false
	}
	m.count++
	n := int(binary.BigEndian.Uint16(m.attributes[2:]))
	if 4+n > len(m.attributes) {
		return 0, nil, false
	}
	a, value = Attribute(binary.BigEndian.Uint16(m.attributes)), m.attributes[4:4+n]
	m.attributes = m.attributes[min(len(m.attributes), 4+(n+3)&^3):]
	return a, value, true
}

// Address reads the value of MAPPED-ADDRESS and its like (RFC 8489 §14.1), and with xor that of XOR-MAPPED-ADDRESS and
// its like (§14.2). The result is invalid unless the value has 8 or 20 bytes and a known family.
func (m *Message) Address(value []byte, xor bool) netip.AddrPort {
	const v4, v6 = 0x01, 0x02
	if len(value) < 8 {
		return netip.AddrPort{}
	}
	var mask [16]byte
	if xor {
		binary.BigEndian.PutUint32(mask[:], Cookie)
		copy(mask[4:], m.Transaction)
	}
	port := binary.BigEndian.Uint16(value[2:]) ^ binary.BigEndian.Uint16(mask[:])
	var a [16]byte
	n := copy(a[:], value[4:])
	for i := range a {
		a[i] ^= mask[i]
	}
	switch {
	case value[1] == v4 && n == 4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), port)
	case value[1] == v6 && n == 16:
		return netip.AddrPortFrom(netip.AddrFrom16(a), port)
	}
	return netip.AddrPort{}
}
