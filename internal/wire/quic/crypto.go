// SPDX-License-Identifier: Apache-2.0

package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
)

// Keys protect one direction's Initial packets (RFC 9001 §5.2). They are obfuscation, not secrecy: any observer of the
// client's first packet can derive them.
type Keys struct {
	header cipher.Block
	aead   cipher.AEAD
	iv     [12]byte
}

// Derive derives the keys that protect the client's or the server's Initial packets, from the destination connection ID
// of the client's first packet.
func (k *Keys) Derive(v Version, dcid []byte, server bool) {
	side := "client in"
	if server {
		side = "server in"
	}
	keyLabel, ivLabel, headerLabel := "quic key", "quic iv", "quic hp"
	if v.kind() == ietf2 {
		keyLabel, ivLabel, headerLabel = "quicv2 key", "quicv2 iv", "quicv2 hp"
	}
	initial := hmacSHA256([]byte(v.salt()), dcid) // HKDF-Extract (RFC 5869 §2.2)
	secret := expandLabel(&initial, side, sha256.Size)
	key := expandLabel(&secret, keyLabel, 16)
	iv := expandLabel(&secret, ivLabel, len(k.iv))
	protection := expandLabel(&secret, headerLabel, 16)
	copy(k.iv[:], iv[:])
	k.header, _ = aes.NewCipher(protection[:16]) // fails for other key sizes only
	block, _ := aes.NewCipher(key[:16])
	k.aead, _ = cipher.NewGCM(block)
}

// expandLabel is HKDF-Expand-Label (RFC 8446 §7.1) with an empty context, for lengths of at most one hash; the caller
// ignores the bytes after length.
func expandLabel(secret *[sha256.Size]byte, label string, length int) [sha256.Size]byte {
	const prefix = "tls13 "
	var info [blockSize]byte
	b := append(info[:0], 0, byte(length), byte(len(prefix)+len(label)))
	b = append(append(b, prefix...), label...)
	return hmacSHA256(secret[:], append(b, 0, 1)) // no context; the first and only block of HKDF-Expand
}

// blockSize is SHA-256's block size in bytes.
const blockSize = 64

// hmacSHA256 is HMAC (RFC 2104) for keys and messages of at most one block: connection IDs, salts, secrets and labels
// all fit. crypto/hmac would allocate two hashes per call.
func hmacSHA256(key, message []byte) [sha256.Size]byte {
	var inner [2 * blockSize]byte
	var outer [blockSize + sha256.Size]byte
	copy(inner[:blockSize], key)
	copy(outer[:blockSize], key)
	for i := range blockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	n := copy(inner[blockSize:], message)
	sum := sha256.Sum256(inner[:blockSize+n])
	copy(outer[blockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

// Scratch is the buffer for opened packets.
type Scratch struct {
	header  [MaxDatagram]byte
	payload [MaxDatagram]byte
	mask    [aes.BlockSize]byte
	nonce   [12]byte
}

// MaxDatagram is the largest packet that Open accepts. Initial packets are far smaller, because they must fit any path.
const MaxDatagram = 2048

// Open removes header protection (RFC 9001 §5.4) and decrypts an Initial packet into s; ok reports whether its tag is
// valid. The packet itself stays unchanged. The payload is valid until the next Open.
func (k *Keys) Open(h *Header, s *Scratch) (payload []byte, ok bool) {
	const sample = 16
	if !h.Complete || len(h.Packet) > MaxDatagram || h.number+4+sample > len(h.Packet) {
		return nil, false
	}
	k.header.Encrypt(s.mask[:], h.Packet[h.number+4:h.number+4+sample])
	copy(s.header[:], h.Packet[:h.number+4])
	s.header[0] ^= s.mask[0] & 0x0f
	length := int(s.header[0]&3) + 1
	number := uint32(0)
	for i := range length {
		s.header[h.number+i] ^= s.mask[1+i]
		number = number<<8 | uint32(s.header[h.number+i])
	}
	s.nonce = k.iv
	tail := s.nonce[8:]
	binary.BigEndian.PutUint32(tail, binary.BigEndian.Uint32(tail)^number)
	payload, err := k.aead.Open(s.payload[:0], s.nonce[:], h.Packet[h.number+length:], s.header[:h.number+length])
	return payload, err == nil
}
