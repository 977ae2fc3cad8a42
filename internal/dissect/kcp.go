// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// KCP, the reliable transport of games and tunnels, without encryption and error correction around it; and the handshake that
// Genshin Impact and its sisters put before theirs.
var _ = register(Protocol{
	Name: "kcp", Spec: "KCP: protocol specification", Category: "network",
	Over: UDP, Start: Range(0, 255), MinLength: kcpHeader, Heuristic: true, // a number chosen by the peers begins it
	Inspect: inspectKCP,
})

var _ = register(Protocol{
	Name: "genshin-impact", Spec: "Grasscutter: KCP handshake", Category: "gaming",
	Over: UDP, Ports: []uint16{22101, 22102}, Start: Of(0), MinLength: kcpHandshake,
	Inspect: inspectKCPHandshake,
})

const (
	// kcpHeader: conversation, command, fragment, window, time, number, unacknowledged, length; little endian.
	kcpHeader = 24
	// kcpHandshake: magic number, conversation, token, data, magic number; big endian.
	kcpHandshake = 20
	// maxKCPSegments bounds the segments of one datagram: of 1,472 bytes and 24 each.
	maxKCPSegments = 61
)

func inspectKCP(c *Conversation, _ *Result) Verdict {
	newest := c.Newest()
	if !isKCP(newest) {
		return No
	}
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		if d := &c.Datagrams[i]; !bytes.HasPrefix(d.Payload, newest.Payload[:4]) {
			return No
		}
	}
	if len(c.Datagrams) < 3 && !isKCPPush(newest.Payload) {
		return NeedMore
	}
	return Yes
}

// isKCPPush says whether what begins b carries data, as one of the first 2^24 segments: its length fits in 32 bits then, and
// the upper bytes of both numbers are zero.
func isKCPPush(b []byte) bool { return b[4] == 81 && le32(b[20:]) > 0 && b[15] == 0 && b[19] == 0 }

// isKCP checks that segments of one conversation fill the datagram, of which only pushes (command 81) carry data.
func isKCP(d *Datagram) bool {
	const push, lastCommand = 81, 84
	b := d.Payload
	if len(b) < kcpHeader || len(b) != d.Length || isZero(b[:4]) {
		return false
	}
	conversation := b[:4]
	for n := 0; n < maxKCPSegments && len(b) > 0; n++ {
		if len(b) < kcpHeader || !bytes.Equal(b[:4], conversation) || b[4] < push || b[4] > lastCommand || le16(b[6:]) == 0 {
			return false
		}
		length := le32(b[20:])
		if length > len(b)-kcpHeader || b[4] != push && (length != 0 || b[5] != 0) {
			return false
		}
		b = b[kcpHeader+length:]
	}
	return len(b) == 0
}

// kcpHandshakes are the first and the last four bytes: connect, accept, disconnect.
var kcpHandshakes = [...][2]string{
	{"\x00\x00\x00\xff", "\xff\xff\xff\xff"}, {"\x00\x00\x01\x45", "\x14\x51\x45\x45"}, {"\x00\x00\x01\x94", "\x19\x41\x94\x94"},
}

func inspectKCPHandshake(c *Conversation, r *Result) Verdict {
	d := c.Newest()
	if d.Length != kcpHandshake || len(d.Payload) != kcpHandshake {
		return No
	}
	for _, h := range kcpHandshakes {
		if hasPrefix(d.Payload, h[0]) && hasPrefix(d.Payload[kcpHandshake-4:], h[1]) {
			r.SetApplication("genshin-impact")
			return Yes
		}
	}
	return No
}
