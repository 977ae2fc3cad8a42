// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Builders make sound messages with all lengths right; a test row then spoils the field under test. Addresses come from
// the documentation ranges (RFC 5737, RFC 3849); MAC addresses are locally administered.

// raw decodes hexadecimal text; it ignores blanks and everything after # on a line.
func raw(text string) []byte {
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		panic(err)
	}
	return b
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// with returns a copy of b with bytes overwritten at off.
func with(b []byte, off int, bytes ...byte) []byte {
	b = slices.Clone(b)
	copy(b[off:off+len(bytes)], bytes)
	return b
}

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func ether(etherType int, payload ...[]byte) []byte {
	return join(raw("020000000002 020000000001"), be16(etherType), join(payload...))
}

func vlan(id, etherType int, payload ...[]byte) []byte {
	return join(be16(id), be16(etherType), join(payload...))
}

func label(value int, bottom bool) []byte {
	v := uint32(value)<<12 | 64
	if bottom {
		v |= 1 << 8
	}
	return binary.BigEndian.AppendUint32(nil, v)
}

func snap(etherType int, payload ...[]byte) []byte {
	return join(raw("aaaa03 000000"), be16(etherType), join(payload...))
}

// ip4 builds a packet from 192.0.2.1 to 198.51.100.2.
func ip4(proto int, payload ...[]byte) []byte { return ip4Options(nil, proto, payload...) }

func ip4Options(options []byte, proto int, payload ...[]byte) []byte {
	data := join(payload...)
	b := raw(`45 10        # version, header length; TOS
	          0000         # total length
	          1234 4000    # identification; don't fragment
	          40 00 0000   # TTL; protocol; checksum
	          c0000201     # 192.0.2.1
	          c6336402     # 198.51.100.2`)
	b[0] += byte(len(options) / 4)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(options)+len(data)))
	b[9] = byte(proto)
	return join(b, options, data)
}

// fragment4 makes an IPv4 packet a fragment; offset counts units of 8 bytes.
func fragment4(packet []byte, offset int, more bool) []byte {
	if more {
		offset |= 0x2000
	}
	return with(packet, 6, be16(offset)...)
}

// ip6 builds a packet from 2001:db8::1 to 2001:db8::2.
func ip6(next int, payload ...[]byte) []byte {
	data := join(payload...)
	b := raw(`61 23 4567                          # version, traffic class 0x12, flow label
	          0000 00 3f                          # payload length; next header; hop limit
	          20010db8000000000000000000000001
	          20010db8000000000000000000000002`)
	binary.BigEndian.PutUint16(b[4:], uint16(len(data)))
	b[6] = byte(next)
	return join(b, data)
}

// extension is an 8-byte IPv6 extension header, filled with a PadN option.
func extension(next int) []byte { return raw(fmt.Sprintf("%02x 00 0104 00000000", next)) }

func fragment6(next, offset int, more bool, payload ...[]byte) []byte {
	offset *= 8
	if more {
		offset |= 1
	}
	return join([]byte{byte(next), 0}, be16(offset), raw("00abcdef"), join(payload...))
}

func tcp(payload ...[]byte) []byte {
	return join(raw(`03e8 01bb     # ports 1000, 443
	                 00000007      # sequence
	                 00000009      # acknowledgment
	                 50 18 0400    # data offset 5; PSH ACK; window 1024
	                 0000 0000`), join(payload...))
}

func udp(src, dst int, payload ...[]byte) []byte {
	data := join(payload...)
	return join(be16(src), be16(dst), be16(8+len(data)), be16(0), data)
}

// abc stands for any small payload.
var abc = []byte("abc")

// gtp builds a GTP-U message with the given flags and type; content begins with the optional fields that the flags
// announce.
func gtp(flags, message byte, content ...[]byte) []byte {
	data := join(content...)
	return join([]byte{flags, message}, be16(len(data)), raw("00000001"), data)
}

// describe lists the fields of a decoded Packet, without zero values and without what the offsets already show.
func describe(p *Packet) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, format, args...)
	}
	if p.HasMAC {
		say("mac %x>%x", p.SrcMAC[5], p.DstMAC[5])
	}
	if p.NVLAN > 0 {
		say("vlan %v", p.VLANs[:p.NVLAN])
	}
	if p.Around != TunnelNone {
		say("in %v %d", p.Around, p.Network)
	}
	if p.IPVersion != 0 {
		say("ip%d %v>%v", p.IPVersion, p.Src, p.Dst)
		say("%s", ProtoName(p.Proto))
	}
	if p.SrcPort|p.DstPort != 0 {
		say("%d>%d", p.SrcPort, p.DstPort)
	}
	if p.TCPFlags != 0 {
		say("flags %02x seq %d ack %d win %d", p.TCPFlags, p.Seq, p.Ack, p.Window)
	}
	if p.ICMPType|p.ICMPCode != 0 {
		say("type %d/%d", p.ICMPType, p.ICMPCode)
	}
	if p.Fragment {
		say("fragment %x+%d", p.FragmentID, p.FragmentOffset)
	}
	if p.LaterFragment {
		say("later")
	}
	say("@%d,%d,%d-%d", p.NetworkOffset, p.TransportOffset, p.PayloadOffset, p.End)
	if p.IPVersion != 0 {
		say("wire %d", p.WireBytes)
	}
	if int(p.WirePayload) != len(p.Payload()) {
		say("payload %d", p.WirePayload)
	}
	if p.Truncated {
		say("truncated")
	}
	if p.Tunnel != TunnelNone {
		say("tunnel %v", p.Tunnel)
	}
	if p.Fault != FaultNone {
		say("fault %v", p.Fault)
	}
	return b.String()
}

// brokenInvariant names the documented invariant that p breaks, or returns "".
func brokenInvariant(p *Packet) string {
	switch {
	case p.NetworkOffset < 0 || p.NetworkOffset > p.TransportOffset || p.TransportOffset > p.PayloadOffset ||
		p.PayloadOffset > p.End || p.End > len(p.Data):
		return "offsets out of order"
	case int(p.WirePayload) < len(p.Payload()):
		return "less payload on the wire than captured"
	case p.IPVersion != 0 && p.IPVersion != 4 && p.IPVersion != 6:
		return "IP version"
	case p.IPVersion == 4 && (!p.Src.Is4() || !p.Dst.Is4()), p.IPVersion == 6 && (!p.Src.Is6() || !p.Dst.Is6()):
		return "addresses of another version"
	case p.IPVersion == 0 && (p.Src.IsValid() || p.Dst.IsValid() || p.Proto != 0 || p.Fault == FaultNone):
		return "a network layer without IP version"
	case p.IPVersion != 0 && int(p.WireBytes) < p.End-p.NetworkOffset:
		return "less wire bytes than captured"
	case p.LaterFragment && (p.SrcPort|p.DstPort != 0 || !p.Fragment || p.Tunnel != TunnelNone):
		return "a later fragment with a transport header"
	case p.LaterFragment != (p.FragmentOffset != 0):
		return "fragment offset"
	case p.NVLAN > MaxVLANs:
		return "VLANs"
	case p.Tunnel != TunnelNone && (p.inner.offset < p.PayloadOffset || p.inner.offset >= p.End):
		return "the packet inside is not in the payload"
	}
	return ""
}
