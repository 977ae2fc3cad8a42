// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// rtmp: Adobe's Real Time Messaging Protocol over TCP, by its handshake: C0, C1 and S0, S1.
var rtmpProtocol = &dissect.Protocol{
	Name:      "rtmp",
	Spec:      "Adobe RTMP 1.0 §5.2, §7.2.1.1",
	Category:  "video-streaming",
	Over:      dissect.TCP,
	Ports:     []uint16{1935},
	Start:     dissect.BytesOf(rtmpVersion),
	MinLength: 9,
	Extra:     6, // connect comes after the handshake
	Members:   []string{"rtmp.app", "rtmp.url"},
	Inspect:   inspectRTMP,
}

const (
	rtmpVersion   = 3
	rtmpHandshake = 1 + 1536
	// rtmpEcho is how many bytes of an echo count: time stamps and the first 4 random bytes.
	rtmpEcho = 12
	// rtmpChunk is the length of a first chunk's header: basic header, time stamp, length, type, stream.
	rtmpChunk = 12
	// rtmpConnectPeek bounds the search for the connect command after C2, in bytes.
	rtmpConnectPeek = 512
)

func inspectRTMP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, server := c.ToServer(), c.ToClient()
	for _, b := range [2][]byte{client, server} {
		if len(b) > 0 && b[0] != rtmpVersion {
			return dissect.No
		}
	}
	// C1 is a time stamp and zero or, if signed, the player's version; S1 likewise, with the server's.
	if len(client) >= 9 && !rtmpStamp(client) || len(server) >= 9 && !rtmpStamp(server) {
		return dissect.No
	}
	if len(client) < rtmpHandshake || len(server) < rtmpHandshake {
		return dissect.NeedMore
	}
	// C2 repeats S1 and S2 repeats C1: the time stamps, and the random bytes of unsigned ones.
	c2, s2 := client[rtmpHandshake:], server[rtmpHandshake:]
	if len(s2) < rtmpEcho && len(c2) < rtmpEcho {
		return dissect.NeedMore
	}
	signed := be32(client[5:]) != 0
	if !signed && !rtmpGivesBack(s2, client) && !rtmpGivesBack(c2, server) {
		return dissect.No
	}
	if len(c2) < rtmpHandshake-1+rtmpChunk {
		if signed || !c.Last {
			return dissect.NeedMore
		}
	} else if !rtmpIsChunk(c2[rtmpHandshake-1:]) {
		return dissect.No
	}
	o := r.Object("rtmp")
	if b := client[min(len(client), 2*rtmpHandshake-1):]; len(b) > 0 {
		b = b[:min(len(b), rtmpConnectPeek)]
		o.Text("app", rtmpString(b, "\x00\x03app\x02"))
		o.Text("url", rtmpString(b, "\x00\x05tcUrl\x02"))
	}
	return dissect.Yes
}

// rtmpStamp reports whether C1 or S1 begins with a time stamp and a version: 0, or one in 4 bytes whose last two have 1
// to 2 digits (9.0.124.2, 3.0.1.1).
func rtmpStamp(b []byte) bool {
	return be32(b[5:]) == 0 || b[5] < 128 && b[6] < 16
}

// rtmpIsChunk reports whether b is the first chunk of a connection (§5.3.1): a complete header, of a control stream or
// one of the first streams, 3-byte time stamp and length, a type of command or control, stream 0.
func rtmpIsChunk(b []byte) bool {
	return b[0] >= 2 && b[0] <= 8 && b[4] == 0 && b[7] != 0 && b[7] <= 22 && be32(b[8:]) == 0
}

// rtmpGivesBack reports whether an echo repeats the other side's time stamp or its hello's first random bytes.
func rtmpGivesBack(echo, hello []byte) bool {
	if len(echo) < rtmpEcho {
		return false
	}
	return bytes.Equal(echo[:4], hello[1:5]) || bytes.Equal(echo[8:12], hello[9:13])
}

// rtmpString returns the AMF0 text after the name of a property.
func rtmpString(b []byte, name string) []byte {
	i := bytes.Index(b, []byte(name))
	if i < 0 {
		return nil
	}
	b = b[i+len(name):]
	if len(b) < 2 {
		return nil
	}
	return b[2:min(len(b), 2+be16(b))]
}
