// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// zoom: media over UDP, after Michel et al., "Enabling Passive Measurement of Zoom Performance in Production Networks"
// (IMC 2022): RTP after Zoom's own header and, between client and server, another one before that. The set-up with a
// server is recognisable by its answer, which repeats the request's session; that between two clients by the address
// and the identifier in its text.
var zoomProtocol = &dissect.Protocol{
	Name:      "zoom",
	Spec:      "Michel et al., IMC 2022, §4",
	Category:  "voip",
	Over:      dissect.UDP,
	Ports:     []uint16{8801},
	Start:     dissect.BytesOf(0x01, 0x02, zoomServer, zoomAudio, zoomVideo, zoomScreen, zoomHello),
	MinLength: 20,
	Heuristic: true,
	Inspect:   inspectZoom,
}

// Types in the headers' first byte.
const (
	zoomServer = 0x05 // to or from a server: 8 bytes, then a media header
	zoomScreen = 0x0d
	zoomAudio  = 0x0f
	zoomVideo  = 0x10
	zoomHello  = 0x1f // between clients
	// zoomSession is the end of the set-up's session: type, 2 bytes, and 17 of the session.
	zoomSession = 20
	// zoomPatience bounds the datagrams before the first media.
	zoomPatience = 5
)

func inspectZoom(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	first := c.Datagrams[0].Payload
	if len(first) < zoomSession {
		return dissect.No
	}
	certain := isZoomHello(first)
	var rows rtpRows
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if h, ok := readZoomMedia(d.Payload, d.Length); ok {
			rows.add(dissect.Direction(d.FromClient), &h)
		}
		certain = certain || d.FromClient != c.Datagrams[0].FromClient && answersZoom(first, d.Payload)
	}
	if !certain && !rows.certain() {
		if first[0] == zoomHello || len(c.Datagrams) > zoomPatience && rows.longest == [2]int{} {
			return dissect.No
		}
		return dissect.NeedMore
	}
	r.SetApplication("zoom")
	return dissect.Yes
}

// readZoomMedia reads the RTP header after the media header, whose length depends on its type (table 2 of the paper).
func readZoomMedia(b []byte, length int) (h rtpHeader, ok bool) {
	if len(b) > 8 && b[0] == zoomServer {
		b, length = b[8:], length-8
	}
	if len(b) == 0 {
		return h, false
	}
	size := 0
	switch b[0] {
	case zoomAudio:
		size = 19
	case zoomVideo:
		size = 24
	case zoomScreen:
		size = 27
	}
	if size == 0 || len(b) < size+rtpHeaderSize {
		return h, false
	}
	return readRTP(b[size:], length-size)
}

// answersZoom reports whether one datagram is a server's answer to the other's set-up request: type 2 after 1, the same
// session, and the request's time stamp repeated.
func answersZoom(request, answer []byte) bool {
	if len(request) < 32 || len(answer) < 28 || request[0] != 1 || answer[0] != 2 || be32(request[28:]) == 0 {
		return false
	}
	return string(request[1:zoomSession]) == string(answer[1:zoomSession]) && string(request[28:32]) == string(
		answer[24:28])
}

// isZoomHello reports whether b is a client's hello to another: at byte 24 the address in text and the meeting's UUID,
// each after its length.
func isZoomHello(b []byte) bool {
	const at, uuid = 24, 36
	if len(b) < at+4 || b[0] != zoomHello {
		return false
	}
	n := be32(b[at:])
	b = b[at+4:]
	if n < len("::") || n > 45 || len(b) < n+4+uuid || be32(b[n:]) != uuid || !parseAddr(b[:n]).IsValid() {
		return false
	}
	for i, c := range b[n+4 : n+4+uuid] {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (c == '-') || !hyphen && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
