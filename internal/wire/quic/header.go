// SPDX-License-Identifier: Apache-2.0

package quic

import "encoding/binary"

// MaxConnectionID is the longest connection ID of the known versions (RFC 9000 §17.2).
const MaxConnectionID = 20

// Type is the type of a long header packet.
type Type uint8

// Types. ClearText is any packet of Google's versions up to Q046, whose types don't matter here.
const (
	Initial Type = iota
	ZeroRTT
	Handshake
	Retry
	VersionNegotiation
	ClearText
)

// Header is one packet with a long header (RFC 9000 §17.2) or one of Google's old forms. Slices are views of the
// datagram.
type Header struct {
	Version    Version
	Type       Type
	DCID, SCID []byte
	// Token of an Initial packet.
	Token []byte
	// Versions of a VersionNegotiation packet, 4 bytes each.
	Versions []byte
	// Packet is the whole packet, or its captured part if Complete is false.
	Packet   []byte
	Complete bool
	// number is the offset of the packet number in Packet.
	number int
}

// IsLong reports whether the datagram begins with a long header, of any version (RFC 8999 §5.1).
func IsLong(b []byte) bool { return len(b) >= 7 && b[0]&0x80 != 0 }

// VersionOf returns the version field of a long header; call IsLong first.
func VersionOf(b []byte) Version { return Version(binary.BigEndian.Uint32(b[1:])) }

// varint reads a variable-length integer (RFC 9000 §16) at b[at:] and returns the offset after it, 0 if it is
// incomplete.
func varint(b []byte, at int) (v uint64, next int) {
	if at >= len(b) {
		return 0, 0
	}
	size := 1 << (b[at] >> 6)
	if at+size > len(b) {
		return 0, 0
	}
	v = uint64(b[at] & 0x3f)
	for _, c := range b[at+1 : at+size] {
		v = v<<8 | uint64(c)
	}
	return v, at + size
}

// Parse reads the packet at the start of b and returns the rest of the datagram. missing is how many bytes of the
// datagram the capture omitted. ok is false for unknown versions, short headers, and lengths that do not fit. Parse
// reads reserved versions, with which clients provoke a negotiation, as version 1.
func (h *Header) Parse(b []byte, missing int) (rest []byte, ok bool) {
	*h = Header{}
	if parsed := h.parseGoogle43(b); parsed {
		return nil, true
	}
	if !IsLong(b) {
		return nil, false
	}
	h.Version = VersionOf(b)
	family := h.Version.kind()
	reserved := h.Version.IsReserved()
	if h.Version != Negotiation && (family == unknown && !reserved || b[0]&0x40 == 0) {
		return nil, false
	}
	if family == google46 {
		return nil, h.parseGoogle46(b)
	}
	at := h.parseIDs(b)
	if at == 0 {
		return nil, false
	}
	if h.Version == Negotiation {
		h.Type, h.Versions, h.Packet = VersionNegotiation, b[at:], b
		return nil, len(h.Versions) >= 4 && (len(h.Versions)+missing)%4 == 0
	}
	h.Type = Type(b[0] >> 4 & 3)
	if family == ietf2 {
		h.Type = (h.Type + 3) & 3 // RFC 9369 §3.2: Retry 0, Initial 1, 0-RTT 2, Handshake 3
	}
	if h.Type == Retry {
		const tag = 16
		h.Packet, h.Complete = b, missing == 0
		return nil, len(b)-at+missing > tag
	}
	rest, ok = h.parseLength(b, at, missing)
	if reserved { // the version has 16 fixed bits only: the rest must fit a client's first datagram (RFC 9000 §14.1)
		ok = ok && len(rest) == 0 && len(b)+missing >= minInitial && len(h.DCID) >= minClientID
	}
	return rest, ok
}

// The minimum lengths of a client's first Initial: the datagram's (RFC 9000 §14.1) and the connection ID's (§7.2).
const (
	minInitial  = 1200
	minClientID = 8
)

// parseIDs reads both connection IDs and returns the offset after them, 0 if they don't fit.
func (h *Header) parseIDs(b []byte) int {
	at := 5
	for _, id := range []*[]byte{&h.DCID, &h.SCID} {
		if at >= len(b) {
			return 0
		}
		n := int(b[at])
		at++
		if n > MaxConnectionID || at+n > len(b) {
			return 0
		}
		*id = b[at : at+n]
		at += n
	}
	return at
}

// parseLength reads token and length, which must leave room for a packet number and a 16-byte sample, and end within
// the datagram.
func (h *Header) parseLength(b []byte, at, missing int) (rest []byte, ok bool) {
	if h.Type == Initial {
		n, next := varint(b, at)
		if next == 0 || n > uint64(len(b)-next) {
			return nil, false
		}
		at = next + int(n)
		h.Token = b[next:at]
	}
	n, next := varint(b, at)
	if next == 0 || n < 4+16 || n > uint64(len(b)-next+missing) {
		return nil, false
	}
	h.number = next
	end := next + int(n)
	h.Complete = end <= len(b)
	end = min(end, len(b))
	h.Packet = b[:end]
	return b[end:], true
}

// parseGoogle46 reads the header of Q044 to Q046 (draft-ietf-quic-transport-15's long header): lengths of the
// connection IDs in 4 bits each, less 3. Clients use 8 bytes, and servers reflect them.
func (h *Header) parseGoogle46(b []byte) bool {
	const id, number = 8, 4
	if b[5] != 0x50 && b[5] != 0x05 || len(b) < 6+id+number {
		return false
	}
	if b[5] == 0x50 {
		h.DCID = b[6 : 6+id]
	} else {
		h.SCID = b[6 : 6+id]
	}
	h.Type, h.Packet, h.Complete, h.number = ClearText, b, true, 6+id
	return true
}

// parseGoogle43 reads the public header of clients of Google's versions up to Q043: flags with the bits for version and
// connection ID set and those for reset, multipath and reserved clear, connection ID, version ("QUIC Wire Layout
// Specification").
func (h *Header) parseGoogle43(b []byte) bool {
	const version, connectionID, forbidden, id = 0x01, 0x08, 0xc2, 8
	if len(b) < 1+id+4+1 || b[0]&(version|connectionID) != version|connectionID || b[0]&forbidden != 0 {
		return false
	}
	v := Version(binary.BigEndian.Uint32(b[1+id:]))
	if v.kind() != google43 {
		return false
	}
	h.Version, h.Type, h.DCID, h.Packet, h.Complete, h.number = v, ClearText, b[1:1+id], b, true, 1+id+4
	return true
}

// Negotiates reports whether a VersionNegotiation packet can come from a server: it repeats the client's connection ID
// (RFC 9000 §7.2, §17.2.1), and at least half of its versions are known or reserved.
func (h *Header) Negotiates() bool {
	known, all := 0, 0
	for b := h.Versions; len(b) >= 4; b = b[4:] {
		v := Version(binary.BigEndian.Uint32(b))
		if v == Negotiation {
			return false
		}
		all++
		if v.Known() || v.IsReserved() {
			known++
		}
	}
	return known > 0 && known*2 >= all && len(h.SCID) >= minClientID
}
