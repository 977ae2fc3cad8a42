// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// rtmp: Adobe's Real Time Messaging Protocol over TCP, from its handshake: C0, C1 and S0, S1.
var rtmpProtocol = &dissect.Protocol{
	Name:      "rtmp",
	Spec:      "Adobe RTMP 1.0 §5.2, §7.2.1.1",
	Category:  "video-streaming",
	Over:      dissect.TCP,
	Ports:     []uint16{1935},
	Start:     dissect.BytesOf(rtmpVersion),
	MinLength: 9,
	Extra:     6, // connect comes after the handshake
	Inspect:   inspectRTMP,
}

const (
	rtmpVersion   = 3
	rtmpHandshake = 1 + 1536
	// rtmpEcho is how much of what is given back is looked at: time stamps and the first 4 random bytes.
	rtmpEcho = 12
	// rtmpChunk is a first chunk's header: basic header, time stamp, length, type, stream.
	rtmpChunk = 12
	// rtmpConnectPeek is how far behind C2 the connect command is looked for.
	rtmpConnectPeek = 512
)

func inspectRTMP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, server := c.ToServer(), c.ToClient()
	for _, b := range [2][]byte{client, server} {
		if len(b) > 0 && b[0] != rtmpVersion {
			return dissect.No
		}
	}
	// C1 is a time stamp and zero or, where it is signed, the version of the player; S1 alike, with the server's.
	if len(client) >= 9 && !rtmpStamp(client) || len(server) >= 9 && !rtmpStamp(server) {
		return dissect.No
	}
	if len(client) < rtmpHandshake || len(server) < rtmpHandshake {
		return dissect.NeedMore
	}
	// C2 gives S1 back and S2 C1: their time stamps, and the random bytes where they aren't signed.
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

// rtmpStamp says whether C1 or S1 begins with a time stamp and a version: 0, or one in 4 bytes of which the last two
// are 1 to 2 digits (9.0.124.2, 3.0.1.1).
func rtmpStamp(b []byte) bool {
	return be32(b[5:]) == 0 || b[5] < 128 && b[6] < 16
}

// rtmpIsChunk says whether b is the first chunk of a connection (§5.3.1): a whole header, of a control stream or the
// first ones, time stamp and length of 3 bytes, a type of command or control, stream 0.
func rtmpIsChunk(b []byte) bool {
	return b[0] >= 2 && b[0] <= 8 && b[4] == 0 && b[7] != 0 && b[7] <= 22 && be32(b[8:]) == 0
}

// rtmpGivesBack says whether an echo repeats the other side's time stamp or the first random bytes of its hello.
func rtmpGivesBack(echo, hello []byte) bool {
	if len(echo) < rtmpEcho {
		return false
	}
	return bytes.Equal(echo[:4], hello[1:5]) || bytes.Equal(echo[8:12], hello[9:13])
}

// rtmpString is the AMF0 text behind the name of a property.
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
