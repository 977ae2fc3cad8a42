// SPDX-License-Identifier: Apache-2.0

package quic

import "math/bits"

// MaxCrypto bounds a reassembled handshake in bytes: a ClientHello with post-quantum key shares and ECH has 2 to 3 KiB.
const MaxCrypto = 8192

// Crypto reassembles the data of CRYPTO frames. Frames may arrive out of order, repeated and overlapping; the first
// copy of a byte counts. The zero value is ready for use.
type Crypto struct {
	data [MaxCrypto]byte
	have [MaxCrypto / 64]uint64 // one bit per byte of data
}

// Reset drops all data.
func (c *Crypto) Reset() { clear(c.have[:]) }

// Bytes returns the data from the start to the first gap.
func (c *Crypto) Bytes() []byte {
	for i, word := range c.have {
		if word != ^uint64(0) {
			return c.data[:64*i+bits.TrailingZeros64(^word)]
		}
	}
	return c.data[:]
}

func (c *Crypto) add(offset uint64, data []byte) {
	if offset >= MaxCrypto {
		return
	}
	at := int(offset)
	data = data[:min(len(data), MaxCrypto-at)]
	for i, b := range data {
		if bit := uint64(1) << ((at + i) % 64); c.have[(at+i)/64]&bit == 0 {
			c.have[(at+i)/64] |= bit
			c.data[at+i] = b
		}
	}
}

// Frame types of Initial packets (RFC 9000 §19), and Google's (Chromium, quic_types.h).
const (
	framePadding      = 0x00
	framePing         = 0x01
	frameACK          = 0x02
	frameACKECN       = 0x03
	frameCrypto       = 0x06
	frameClose        = 0x1c
	frameGooglePing   = 0x07
	frameGoogleCrypto = 0x08
)

// Frames reads the frames of an Initial packet and adds CRYPTO frames to c. It stops at a frame type that Initial
// packets can't have, or at an incomplete frame, and reports whether it read all.
func (c *Crypto) Frames(v Version, b []byte) bool {
	googles := v.kind() == google
	for at := 0; at < len(b); {
		kind := b[at]
		at++
		switch {
		case kind == framePadding, kind == framePing && !googles, kind == frameGooglePing && googles:
			continue
		case kind == frameCrypto && !googles, kind == frameGoogleCrypto && googles:
			offset, next := varint(b, at)
			if next == 0 {
				return false
			}
			length, start := varint(b, next)
			if start == 0 || length > uint64(len(b)-start) {
				return false
			}
			at = start + int(length)
			c.add(offset, b[start:at])
		case (kind == frameACK || kind == frameACKECN) && !googles:
			if at = skipACK(b, at, kind == frameACKECN); at == 0 {
				return false
			}
		case kind == frameClose && !googles:
			return true // nothing of interest follows
		default:
			return false
		}
	}
	return true
}

// skipACK returns the offset after an ACK frame (RFC 9000 §19.3), 0 if the frame is incomplete. Each range takes at
// least 2 bytes, so the loop runs fewer times than b has bytes.
func skipACK(b []byte, at int, ecn bool) int {
	_, at = varint(b, at) // largest acknowledged
	if at == 0 {
		return 0
	}
	_, at = varint(b, at) // delay
	if at == 0 {
		return 0
	}
	ranges, at := varint(b, at)
	if at == 0 || ranges > uint64(len(b)) {
		return 0
	}
	numbers := 1 + 2*int(ranges)
	if ecn {
		numbers += 3
	}
	for range numbers {
		if _, at = varint(b, at); at == 0 {
			return 0
		}
	}
	return at
}

// UserAgent returns a client's description of itself from Google's transport parameter 0x3129, nil if absent (RFC 9000
// §18 defines the form).
func UserAgent(parameters []byte) []byte {
	const userAgent = 0x3129
	for at := 0; at < len(parameters); {
		id, next := varint(parameters, at)
		if next == 0 {
			return nil
		}
		length, start := varint(parameters, next)
		if start == 0 || length > uint64(len(parameters)-start) {
			return nil
		}
		at = start + int(length)
		if id == userAgent {
			return parameters[start:at]
		}
	}
	return nil
}
