// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// sd-rtn: the hello of Agora's real-time network over UDP, which no document describes: 13 bytes of header, then a server name
// as in gQUIC's handshake, a tag and a length in little-endian, before further tags.
var _ = register(Protocol{
	Name:      "sd-rtn",
	Spec:      "observed; tags as in the QUIC Crypto specification (2016)",
	Category:  "voip",
	Over:      UDP,
	Start:     Of(0x00),
	MinLength: sdRTNTags + 8,
	Inspect:   inspectSDRTN,
})

// sdRTNTags is where the tags begin.
const sdRTNTags = 13

func inspectSDRTN(c *Conversation, r *Result) Verdict {
	b := c.Datagrams[0].Payload
	if len(b) < sdRTNTags+8 || !bytes.HasPrefix(b[sdRTNTags:], []byte("SNI\x00")) {
		return No
	}
	n := le16(b[sdRTNTags+4:])
	b = b[sdRTNTags+6:]
	if n > MaxHost || len(b) < n+len("PDMD") || !looksLikeHost(b[:n]) {
		return No
	}
	for _, tag := range b[n : n+4] {
		if tag != 0 && (tag < 'A' || tag > 'Z') {
			return No
		}
	}
	r.SetHost(b[:n])
	return Yes
}
