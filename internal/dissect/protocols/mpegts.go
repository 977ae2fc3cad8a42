// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// mpeg-ts: MPEG transport streams over UDP, plain (1 to 7 packets of 188 bytes per datagram) or in RTP (RFC 2250 §2).
var mpegTSProtocol = &dissect.Protocol{
	Name:      "mpeg-ts",
	Spec:      "ITU-T H.222.0 §2.4.3.2",
	Category:  "video-streaming",
	Over:      dissect.UDP,
	Start:     dissect.BytesOf(tsSync),
	MinLength: tsPacket,
	Inspect:   inspectMPEGTS,
}

const (
	tsSync   = 0x47
	tsPacket = 188
	// tsCertain packets are certain: each fixes 8 bits of sync, and 1 or 2 more.
	tsCertain = 5
)

func inspectMPEGTS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	packets := 0
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		if d.Length%tsPacket != 0 {
			return dissect.No
		}
		for b := d.Payload; len(b) >= 4; b = b[min(len(b), tsPacket):] {
			if b[0] != tsSync || b[3]&0x30 == 0 { // adaptation field control 0 is reserved
				return dissect.No
			}
			packets++
		}
	}
	if packets < tsCertain {
		return dissect.NeedMore
	}
	return dissect.Yes
}
