// SPDX-License-Identifier: Apache-2.0

// Package ber reads ASN.1's basic encoding rules (X.690) element by element, as far as SNMP, LDAP and Kerberos use
// them: one-byte tags, definite lengths. It copies nothing.
package ber

// Universal tags, X.690 §8; constructed types include their bit.
const (
	Boolean         = 0x01
	Integer         = 0x02
	BitString       = 0x03
	OctetString     = 0x04
	Null            = 0x05
	ObjectID        = 0x06
	Enumerated      = 0x0a
	GeneralString   = 0x1b
	Sequence        = 0x30
	Set             = 0x31
	maxLengthOctets = 4
	maxLength       = 1 << 30 // beyond these protocols' messages, and within a 32-bit int
)

// Header reads the tag and length at the start of b: the value is b[at:at+length], of which b may hold only a part. ok
// is false if the header is incomplete or malformed.
func Header(b []byte) (tag byte, at, length int, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, 0, 0, false
	}
	tag = b[0]
	if b[1] < 0x80 {
		return tag, 2, int(b[1]), true
	}
	n := int(b[1] & 0x7f)
	if n == 0 || n > maxLengthOctets || len(b) < 2+n {
		return 0, 0, 0, false
	}
	var long uint32
	for _, octet := range b[2 : 2+n] {
		long = long<<8 | uint32(octet)
	}
	if long > maxLength {
		return 0, 0, 0, false
	}
	return tag, 2 + n, int(long), true
}

// Next splits off the element at the start of b, which must be complete.
func Next(b []byte) (tag byte, value, rest []byte, ok bool) {
	tag, at, length, ok := Header(b)
	if !ok || length > len(b)-at {
		return 0, nil, nil, false
	}
	return tag, b[at : at+length], b[at+length:], true
}

// Expect is Next for an element that must have tag.
func Expect(b []byte, tag byte) (value, rest []byte, ok bool) {
	got, value, rest, ok := Next(b)
	return value, rest, ok && got == tag
}

// Enter reads the header of an element that must have tag and returns as much of its value as b holds; whole reports
// whether that is all of it.
func Enter(b []byte, tag byte) (value []byte, whole, ok bool) {
	got, at, length, ok := Header(b)
	if !ok || got != tag {
		return nil, false, false
	}
	if length > len(b)-at {
		return b[at:], false, true
	}
	return b[at : at+length], true, true
}

// Int returns the value of an integer of one to eight octets (X.690 §8.3).
func Int(value []byte) (int64, bool) {
	if len(value) == 0 || len(value) > 8 {
		return 0, false
	}
	n := int64(int8(value[0]))
	for _, octet := range value[1:] {
		n = n<<8 | int64(octet)
	}
	return n, true
}

// ExpectInt splits an integer off the start of b.
func ExpectInt(b []byte) (n int64, rest []byte, ok bool) {
	value, rest, ok := Expect(b, Integer)
	if !ok {
		return 0, nil, false
	}
	n, ok = Int(value)
	return n, rest, ok
}
