// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// zeromq: the signature at the start of a peer's greeting, from version 2 of its transport on.
var zeromqProtocol = &dissect.Protocol{
	Name:      "zeromq",
	Spec:      "ZeroMQ RFC 23/ZMTP 3.0, RFC 15/ZMTP 2.0 \"Version negotiation\"",
	Category:  "message-queue",
	Over:      dissect.TCP,
	Start:     dissect.BytesOf(0xff),
	MinLength: zmtpSignature,
	Members:   []string{"zeromq.mechanism", "zeromq.version"},
	Inspect:   inspectZeroMQ,
}

const (
	zmtpSignature = 10 // ff, 8 bytes, 7f
	zmtpGreeting  = 64 // signature, version, mechanism (20), as server, filler
	zmtpIdentity  = 256
)

func inspectZeroMQ(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < zmtpSignature {
		return moreIf(couldBe(b, "\xff\x00\x00\x00\x00\x00\x00"))
	}
	// The 8 bytes are padding, or the length of version 1's message: below 257.
	if b[0] != 0xff || b[9] != 0x7f || !hasPrefix(b[1:], "\x00\x00\x00\x00\x00\x00") || be16(b[7:]) > zmtpIdentity {
		return dissect.No
	}
	if len(b) < zmtpGreeting {
		return dissect.YesMore
	}
	o := r.Object("zeromq")
	o.Int("version", int64(b[10]))
	if b[10] >= 3 {
		mechanism := bytes.TrimRight(b[12:32], "\x00")
		if isPrintable(mechanism) {
			o.Text("mechanism", mechanism)
		}
	}
	return dissect.Yes
}
