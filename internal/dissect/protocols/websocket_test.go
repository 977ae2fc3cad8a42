// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The frames of RFC 6455 §5.7, and one with a longer text.
var (
	websocketFrameTalk = tcp(12345, CX("8185 37fa213d 7f9f4d5158"), S("\x81\x0bHello world"))
)

func TestWebSocket(t *testing.T) {
	wantProtocol(t, websocketFrameTalk, "websocket")
	wantNot(t, tcp(12345, CX("8185 37fa213d 7f9f4d5158")), "websocket")
	wantNot(t, tcp(12345, CX("8105 48656c6c6f"), S("\x81\x0bHello world")), "websocket")
	wantNot(t, tcp(12345, CX("8185 37fa213d ffffffffff"), S("\x81\x0bHello world")), "websocket")
	testTruncations(t, "websocket", websocketFrameTalk, 99)
	wantNoAllocations(t, "websocket", websocketFrameTalk)
}

func FuzzWebSocket(f *testing.F) { fuzzTalks(f, "websocket", websocketFrameTalk) }
