// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// websocket: in mid-flow, or on a connection that was never HTTP: text frames in both directions, masked by the client
// and plain from the server.
var websocketProtocol = &dissect.Protocol{
	Name:      "websocket",
	Spec:      "RFC 6455 §5.2, §5.3",
	Category:  "web",
	Over:      dissect.TCP,
	Start:     dissect.BytesOf(0x81),
	MinLength: 6,
	Heuristic: true,
	Inspect:   inspectWebSocket,
}

const (
	// websocketMaxFrames bounds the frames walked of a direction.
	websocketMaxFrames = 8
	// websocketText is how many bytes of text both directions must hold. A byte is printable by chance in 3 of 8 cases,
	// so this is at least 16 bits, beside 16 of the two headers and at least 7 of each length.
	websocketText = 12
)

func inspectWebSocket(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, asked := websocketFrames(c.ToServer(), true)
	server, answered := websocketFrames(c.ToClient(), false)
	if !asked || !answered {
		client, asked = websocketFrames(c.ToClient(), true) // the capture may swap the sides
		server, answered = websocketFrames(c.ToServer(), false)
	}
	if !asked || !answered {
		return dissect.No
	}
	if client == 0 || server == 0 || client+server < websocketText {
		return dissect.NeedMore
	}
	return dissect.Yes
}

// websocketFrames counts the bytes of text in frames that fill b exactly. ok is false if b can't be frames.
func websocketFrames(b []byte, masked bool) (text int, ok bool) {
	const final, mask, opText, opBinary, opClose, opPong = 0x80, 0x80, 1, 2, 8, 10
	for range websocketMaxFrames {
		if len(b) < 2 {
			return text, len(b) == 0
		}
		op := b[0] &^ final
		if b[0]&final == 0 || op != opText && op != opBinary && (op < opClose || op > opPong) ||
			(b[1]&mask != 0) != masked {
			return 0, false
		}
		size, header := int(b[1]&^mask), 2
		switch {
		case size == 127:
			return 0, false // more than 64 KiB: too large for a first frame
		case size == 126:
			if header = 4; len(b) < header {
				return text, true
			}
			if size = be16(b[2:]); size < 126 {
				return 0, false // not the shortest form, which §5.2 demands
			}
		}
		var key [4]byte
		if masked {
			if len(b) < header+4 {
				return text, true
			}
			header += copy(key[:], b[header:])
		}
		body := b[header:]
		for i, c := range body[:min(size, len(body))] {
			if c ^= key[i&3]; op == opText && (c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f) {
				return 0, false
			}
			if op == opText {
				text++
			}
		}
		b = body[min(size, len(body)):]
	}
	return text, true
}
