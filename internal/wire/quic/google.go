// SPDX-License-Identifier: Apache-2.0

package quic

import (
	"bytes"
	"encoding/binary"
)

// Hello is the content of a CHLO, the first message of Google's own handshake ("QUIC Crypto").
type Hello struct {
	ServerName, UserAgent []byte
}

// maxTags bounds the entries of a handshake message (Chromium's kMaxEntries).
const maxTags = 128

// ParseClear reads a CHLO from a packet of a version up to Q046, which does not encrypt it.
func (g *Hello) ParseClear(h *Header) bool {
	if h.Type != ClearText {
		return false
	}
	return g.Parse(h.Packet[h.number:])
}

// Parse finds a CHLO in b, after packet number, hash and frame header, whose lengths vary between versions. The message
// is the tag, a count, padding, and for each value its tag and end offset (little endian); the offsets never fall.
func (g *Hello) Parse(b []byte) bool {
	*g = Hello{}
	const header, entry = 8, 8
	start := bytes.Index(b, []byte("CHLO"))
	if start < 0 || len(b)-start < header {
		return false
	}
	b = b[start:]
	tags := int(binary.LittleEndian.Uint16(b[4:]))
	if tags == 0 || tags > maxTags || len(b) < header+tags*entry {
		return false
	}
	values := b[header+tags*entry:]
	from := 0
	for i := range tags {
		e := b[header+i*entry:]
		to := int(binary.LittleEndian.Uint32(e[4:]))
		if to < from {
			return false
		}
		if to > len(values) {
			return true // another packet holds the rest
		}
		switch string(e[:4]) {
		case "SNI\x00":
			g.ServerName = values[from:to]
		case "UAID":
			g.UserAgent = values[from:to]
		}
		from = to
	}
	return true
}
