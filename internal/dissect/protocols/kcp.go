// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// kcp: the reliable transport of games and tunnels, without encryption and error correction around it, and the
// handshake of Genshin Impact and its sister games before it.
var kcpProtocol = &dissect.Protocol{
	Name: "kcp", Spec: "KCP: protocol specification", Category: "network",
	Over: dissect.UDP, Start: dissect.ByteRange(0, 255), MinLength: kcpHeader,
	Heuristic: true, // it begins with a number that the peers choose
	Inspect:   inspectKCP,
}

const (
	// kcpHeader is conversation, command, fragment, window, time, number, unacknowledged, length; little endian.
	kcpHeader = 24
	// maxKCPSegments bounds the segments of one datagram: 1,472 bytes hold segments of at least 24 bytes.
	maxKCPSegments = 61
)

func inspectKCP(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	newest := c.Newest()
	if !isKCP(newest) {
		return dissect.No
	}
	for i := range c.Datagrams[:len(c.Datagrams)-1] {
		if d := &c.Datagrams[i]; !bytes.HasPrefix(d.Payload, newest.Payload[:4]) {
			return dissect.No
		}
	}
	if len(c.Datagrams) < 3 && !isKCPPush(newest.Payload) {
		return dissect.NeedMore
	}
	return dissect.Yes
}

// isKCPPush reports whether b begins with a data segment among the first 2^24: then 32 bits of length fit, and the
// upper bytes of both numbers are zero.
func isKCPPush(b []byte) bool { return b[4] == 81 && le32(b[20:]) > 0 && b[15] == 0 && b[19] == 0 }

// isKCP checks that segments of one conversation fill the datagram; only pushes (command 81) carry data.
func isKCP(d *dissect.Datagram) bool {
	const push, lastCommand = 81, 84
	b := d.Payload
	if len(b) < kcpHeader || len(b) != d.Length || isZero(b[:4]) {
		return false
	}
	conversation := b[:4]
	for n := 0; n < maxKCPSegments && len(b) > 0; n++ {
		if len(b) < kcpHeader || !bytes.Equal(b[:4], conversation) || b[4] < push || b[4] > lastCommand ||
			le16(b[6:]) == 0 {
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
