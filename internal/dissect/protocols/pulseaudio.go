// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// pulseaudio: the native protocol: a 20-byte descriptor before each packet, and in packets a command and its number.
var pulseaudioProtocol = &dissect.Protocol{
	Name:      "pulseaudio",
	Spec:      "PulseAudio native protocol: pstream descriptor, tagstruct",
	Category:  "music-streaming",
	Over:      dissect.TCP,
	Ports:     []uint16{4713},
	MinLength: pulseHeader,
	Members:   []string{"pulseaudio.command"},
	Inspect: func(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
		return eitherStream(c, r, inspectPulse)
	},
}

// pulseHeader is length, channel, offset, flags; the command and its number follow, each with a tag.
const pulseHeader = 4 + 4 + 8 + 4 + 2*(1+4)

func inspectPulse(_ *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	const control, number, maxCommand, maxLength = 0xffffffff, 'L', 128, 16 << 20
	if len(b) < pulseHeader {
		return moreIf(len(b) < 8 || ube32(b[4:]) == control)
	}
	if ube32(b[4:]) != control || !isZero(b[8:20]) || be32(b) < 10 || be32(b) > maxLength || b[20] != number ||
		b[25] != number || be32(b[21:]) > maxCommand {
		return dissect.No
	}
	r.Object("pulseaudio").Int("command", int64(be32(b[21:])))
	return dissect.Yes
}
