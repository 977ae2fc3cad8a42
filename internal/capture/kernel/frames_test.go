// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// Builders of valid frames, of which each test row spoils a part. Addresses are from the documentation ranges (RFC
// 5737, RFC 3849).

func raw(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// with returns b with other bytes at off.
func with(b []byte, off int, bytes ...byte) []byte {
	b = slices.Clone(b)
	copy(b[off:off+len(bytes)], bytes)
	return b
}

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func ether(etherType int, payload ...[]byte) []byte {
	return join(raw("020000000002 020000000001"), be16(etherType), join(payload...))
}

// tag returns the bytes after the EtherType of a VLAN tag.
func tag(id, etherType int, payload ...[]byte) []byte {
	return join(be16(id), be16(etherType), join(payload...))
}

func labels(n int, payload ...[]byte) []byte {
	var b []byte
	for i := range n {
		v := uint32(100+i)<<12 | 64
		if i == n-1 {
			v |= 1 << 8
		}
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return join(b, join(payload...))
}

// pppoe returns a session packet; ppp begins with the protocol field.
func pppoe(ppp ...[]byte) []byte {
	data := join(ppp...)
	return join(raw("1100 0001"), be16(len(data)), data)
}

// ip4 returns a packet from 192.0.2.1 to 198.51.100.2.
func ip4(proto int, payload ...[]byte) []byte { return ip4Options(nil, proto, payload...) }

func ip4Options(options []byte, proto int, payload ...[]byte) []byte {
	data := join(payload...)
	b := raw("4510 0000 1234 4000 4000 0000 c0000201 c6336402")
	b[0] += byte(len(options) / 4)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(options)+len(data)))
	b[9] = byte(proto)
	return join(b, options, data)
}

// back4 swaps the addresses and ports of an IPv4 packet.
func back4(p []byte, ports bool) []byte {
	p = slices.Clone(p)
	src := [4]byte(p[12:])
	copy(p[12:], p[16:20])
	copy(p[16:], src[:])
	if at := int(p[0]&15) * 4; ports {
		p[at], p[at+1], p[at+2], p[at+3] = p[at+2], p[at+3], p[at], p[at+1]
	}
	return p
}

// fragment4 makes an IPv4 packet a fragment; offset in units of 8 bytes.
func fragment4(packet []byte, offset int, more bool) []byte {
	if more {
		offset |= 0x2000
	}
	return with(packet, 6, be16(offset)...)
}

// ip6 returns a packet from 2001:db8::1 to 2001:db8::2.
func ip6(next int, payload ...[]byte) []byte {
	data := join(payload...)
	b := raw("61234567 0000 00 3f 20010db8000000000000000000000001 20010db8000000000000000000000002")
	binary.BigEndian.PutUint16(b[4:], uint16(len(data)))
	b[6] = byte(next)
	return join(b, data)
}

// extension returns an IPv6 extension header of 8 bytes, plus 8 per further word.
func extension(next, more int) []byte {
	return join([]byte{byte(next), byte(more)}, raw("0104 00000000"), make([]byte, 8*more))
}

func fragment6(next, offset int, more bool, payload ...[]byte) []byte {
	offset *= 8
	if more {
		offset |= 1
	}
	return join([]byte{byte(next), 0}, be16(offset), raw("00abcdef"), join(payload...))
}

func tcp(payload ...[]byte) []byte { return tcpOf(1000, 443, 7, 0x18, payload...) }

func tcpOf(src, dst int, seq uint32, flags byte, payload ...[]byte) []byte {
	b := join(be16(src), be16(dst), binary.BigEndian.AppendUint32(nil, seq), raw("00000009 50 00 0400 0000 0000"),
		join(payload...))
	b[13] = flags
	return b
}

func udp(src, dst int, payload ...[]byte) []byte {
	data := join(payload...)
	return join(be16(src), be16(dst), be16(8+len(data)), be16(0), data)
}

// abc stands for any small payload.
var abc = []byte("abc")
