// SPDX-License-Identifier: Apache-2.0

// Package quic parses the parts of QUIC that an observer can read: long headers of versions 1 and 2, their drafts,
// Facebook's and Google's; Initial packets, whose keys derive from the header; and Google's old cleartext handshake.
//
// Costs are linear in the input. Only Derive allocates (the standard library's AES): call it once per connection.
package quic

import "strconv"

// Version is the version field of a long header.
type Version uint32

// Versions. Others follow schemes: 0xff0000NN are drafts of the IETF, "Q0NN" and "T0NN" Google's.
const (
	Negotiation Version = 0 // RFC 9000 §17.2.1
	V1          Version = 1 // RFC 9000 §15
	V2          Version = 0x6b3343cf
	drafts      Version = 0xff000000
	mvfst       Version = 0xfaceb000
)

// kind is the packet format of a version.
type kind uint8

const (
	unknown  kind = iota
	ietf          // RFC 9000's headers, Initial packets encrypted
	ietf2         // RFC 9369: other packet types and labels
	google        // RFC 9000's headers, Google's frames inside
	google46      // Q044 to Q046: long headers with 4-bit lengths, nothing encrypted
	google43      // up to Q043: Google's own header
)

// The first and last deployed versions of Google's "Q" series.
const (
	firstGoogle = 1
	lastGoogle  = 50
)

func (v Version) kind() kind {
	switch {
	case v == V1, v >= drafts+21 && v <= drafts+34, v&^0xff == mvfst:
		return ietf
	case v == V2:
		return ietf2
	case v>>24 == 'Q' || v>>24 == 'T':
		return v.googleKind()
	}
	return unknown
}

func (v Version) googleKind() kind {
	n := v.googleNumber()
	switch {
	case v>>24 == 'T' && (n == 50 || n == 51), v>>24 == 'Q' && n >= 48 && n <= lastGoogle:
		return google
	case v>>24 == 'Q' && n >= 44 && n <= 46:
		return google46
	case v>>24 == 'Q' && n >= firstGoogle && n <= 43:
		return google43
	}
	return unknown
}

// googleNumber returns the number in "Q046", 0 if v has none.
func (v Version) googleNumber() int {
	n := 0
	for shift := 16; shift >= 0; shift -= 8 {
		c := byte(v >> shift)
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// Known reports whether this package reads the version.
func (v Version) Known() bool { return v.kind() != unknown }

// Fallback returns the version whose keys to try if v's keys open no packet, 0 if none: Facebook numbers its builds as
// versions, and newer builds use version 1.
func (v Version) Fallback() Version {
	if v&^0xff == mvfst {
		return V1
	}
	return 0
}

// IsReserved reports whether the version only exercises negotiation: 0x?a?a?a?a (RFC 9000 §15).
func (v Version) IsReserved() bool { return v&0x0f0f0f0f == 0x0a0a0a0a }

// AppendName appends the version's name: "1", "2", "draft-29", "Q046", "mvfst-2"; else the number in hexadecimal.
func (v Version) AppendName(dst []byte) []byte {
	switch {
	case v == V1:
		return append(dst, '1')
	case v == V2:
		return append(dst, '2')
	case v&^0xff == drafts:
		return strconv.AppendUint(append(dst, "draft-"...), uint64(v&0xff), 10)
	case v&^0xff == mvfst:
		return strconv.AppendUint(append(dst, "mvfst-"...), uint64(v&0xff), 16)
	case v.Known():
		return append(dst, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return strconv.AppendUint(append(dst, "0x"...), uint64(v), 16)
}

// salt returns the version's Initial salt: RFC 9001 §5.2 and its drafts, RFC 9369 §3.3.1, and Chromium's for Google's
// versions.
func (v Version) salt() string {
	const (
		v1Salt      = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
		v2Salt      = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
		draft29Salt = "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
		draft23Salt = "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
		draft21Salt = "\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
		q050Salt    = "\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45"
		t050Salt    = "\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"
		t051Salt    = "\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"
	)
	switch {
	case v == V2:
		return v2Salt
	case v == mvfst+1:
		return draft21Salt // mvfst's first version used draft 22's cryptography
	case v&^0xff == mvfst:
		return draft23Salt
	case v&^0xff == drafts && v <= drafts+22:
		return draft21Salt
	case v&^0xff == drafts && v <= drafts+28:
		return draft23Salt
	case v&^0xff == drafts && v <= drafts+32:
		return draft29Salt
	case v>>24 == 'T' && v.googleNumber() == 50:
		return t050Salt
	case v>>24 == 'T':
		return t051Salt
	case v>>24 == 'Q':
		return q050Salt
	}
	return v1Salt // version 1, drafts 33 and 34
}
