// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// raknet: the offline messages that open a connection, by their magic number, and the frames of an open connection.
// Message identifiers changed between versions, and games shift them; frame identifiers have the highest bit set.
var raknetProtocol = &dissect.Protocol{
	Name: "raknet", Spec: "RakNet: offline message identifiers", Category: "gaming",
	Over: dissect.UDP, Ports: []uint16{19132, 19133}, Start: dissect.ByteRange(0x00, 0x7f),
	MinLength: 1 + len(raknetMagic),
	Members:   []string{"raknet.version"},
	Inspect:   inspectRaknet,
}

var raknetFramesProtocol = &dissect.Protocol{
	Name: "raknet", Spec: "RakNet: frame set packets", Category: "gaming",
	Over: dissect.UDP, Ports: []uint16{19132, 19133},
	Start: dissect.ByteRange(0x80, 0x8d).Or(dissect.BytesOf(0xa0, 0xc0)), MinLength: 7, Heuristic: true,
	Members: []string{"raknet.version"},
	Inspect: func(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict { return raknetFrames(c) },
}

const (
	raknetMagic = "\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78"
	// maxRaknetFrames bounds the frames in one datagram: 1,492 bytes hold frames of more than 4 bytes.
	maxRaknetFrames = 64
)

// raknetOffline are the possible offsets of the magic number in a message: after its identifier, a version, a time, or
// a time and the server's identifier.
var raknetOffline = [...]int{1, 1 + 1, 1 + 8, 1 + 8 + 8}

func inspectRaknet(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const padded = 400 // zeros pad the first request, to probe the path's MTU
	d := c.Newest()
	b := d.Payload
	if len(b) == 0 || b[0] >= 0x80 {
		return dissect.No
	}
	for _, at := range raknetOffline {
		if len(b) < at+len(raknetMagic) || !hasPrefix(b[at:], raknetMagic) {
			continue
		}
		if rest := b[at+len(raknetMagic):]; at == 1 && len(rest) > 0 && (b[0] == 0x05 || d.Length >= padded &&
			isZero(rest[1:])) {
			r.Object("raknet").Int("version", int64(rest[0]))
		}
		return dissect.Yes
	}
	return dissect.No
}

// raknetFrames wants two datagrams filled by frames, and otherwise only lists of numbers.
func raknetFrames(c *dissect.Conversation) dissect.Verdict {
	frames := 0
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if len(d.Payload) != d.Length || !isRaknetPacket(d.Payload) {
			return dissect.No
		}
		if d.Payload[0] < 0xa0 {
			frames++
		}
	}
	if frames < 2 {
		return dissect.NeedMore
	}
	return dissect.Yes
}

// isRaknetPacket checks a set of frames, or a list of received or missing numbers: a count, and for each entry a flag
// that selects one number or a range, of three bytes each.
func isRaknetPacket(b []byte) bool {
	if len(b) < 7 || b[0] < 0x80 {
		return false
	}
	if b[0] < 0xa0 {
		return b[3] == 0 && isRaknetFrameSet(b[4:]) // the first 65,536 datagrams, by their number
	}
	if b[0] != 0xa0 && b[0] != 0xc0 {
		return false
	}
	count, at := be16(b[1:]), 3
	for n := 0; n < count && at < len(b); n++ {
		switch b[at] {
		case 0:
			at += 7
		case 1:
			at += 4
		default:
			return false
		}
	}
	return count > 0 && at == len(b)
}

// isRaknetFrameSet walks the frames: reliability and split flag, length in bits, then, depending on the reliability,
// message number, sequence number, order and channel, and a part's count, identifier and index.
func isRaknetFrameSet(b []byte) bool {
	const reserved, part, partHeader = 0x0f, 0x10, 4 + 2 + 4
	// By reliability; a number has 3 bytes, order and channel 4
	headers := [8]int{0, 3 + 4, 3, 3 + 4, 3 + 3 + 4, 0, 3, 3 + 4}
	at := 0
	for n := 0; n < maxRaknetFrames && at < len(b); n++ {
		if at+3 > len(b) || b[at]&reserved != 0 {
			return false
		}
		bits := be16(b[at+1:])
		if bits == 0 || bits%8 != 0 {
			return false
		}
		size := 3 + headers[b[at]>>5] + bits/8
		if b[at]&part != 0 {
			size += partHeader
		}
		at += size
	}
	return at == len(b)
}
