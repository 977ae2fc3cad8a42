// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// srt: Secure Reliable Transport over UDP, by its handshake.
var srtProtocol = &dissect.Protocol{
	Name:      "srt",
	Spec:      "draft-sharabayko-srt-01 §3.2.1, §4.3.1",
	Category:  "video-streaming",
	Over:      dissect.UDP,
	Start:     dissect.BytesOf(0x80),
	MinLength: srtHandshake,
	Members:   []string{"srt.version"},
	Inspect:   inspectSRT,
}

const (
	srtHeader    = 16
	srtHandshake = srtHeader + 48
	srtMagic     = 0x4a17 // extension field of a listener's answer
	srtDatagram  = 2      // that field in the caller's first handshake
	srtInduction = 1
)

func inspectSRT(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.Datagrams[0].Payload
	// A control packet of type 0, subtype 0, without type-specific information.
	if len(b) < srtHandshake || ube32(b) != 0x80000000 || be32(b[4:]) != 0 {
		return dissect.No
	}
	version, encryption, extension, kind := be32(b[16:]), be16(b[20:]), be16(b[22:]), be32(b[36:])
	caller := version == 4 && encryption == 0 && extension == srtDatagram && kind == srtInduction && be32(b[12:]) == 0
	listener := version == 5 && extension == srtMagic && kind == srtInduction
	if !caller && !listener {
		return dissect.No
	}
	r.Object("srt").Int("version", int64(version))
	return dissect.Yes
}
