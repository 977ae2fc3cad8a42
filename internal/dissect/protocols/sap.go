// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// sap: Session Announcement Protocol (RFC 2974) over UDP, which carries session descriptions.
var sapProtocol = &dissect.Protocol{
	Name:      "sap",
	Spec:      "RFC 2974 §3, §6",
	Category:  "video-streaming",
	Over:      dissect.UDP,
	Ports:     []uint16{9875},
	Start:     dissect.ByteRange(0x20, 0x3f), // version 1
	MinLength: 8 + len("v=0"),
	Members:   []string{"sap.deletion", "sap.session"},
	Inspect:   inspectSAP,
}

// sapOrigin reports whether b begins with the one line that a deletion needs (RFC 2974 §6; RFC 8866 §5.2).
func sapOrigin(b []byte) bool {
	line, _, _ := cutLine(b)
	return hasPrefix(line, "o=") && bytes.Contains(line, []byte(" IN IP"))
}

func inspectSAP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.Datagrams[0].Payload
	if len(b) < 8 || b[0]>>5 != 1 || b[0]&0x03 != 0 {
		return dissect.No // encrypted and compressed messages reveal nothing
	}
	n := 8 + 4*int(b[1]) // authentication data in words
	if b[0]&0x10 != 0 {
		n += 12 // an IPv6 source
	}
	if len(b) < n {
		return dissect.No
	}
	const mime = "application/sdp\x00"
	body := b[n:]
	if hasPrefix(body, mime) {
		body = body[len(mime):]
	}
	if !hasPrefix(body, "v=0\r\no=") && !hasPrefix(body, "v=0\no=") && !(b[0]&0x04 != 0 && sapOrigin(body)) {
		return dissect.No
	}
	o := r.Object("sap")
	o.Bool("deletion", b[0]&0x04 != 0)
	if _, name, found := bytes.Cut(body, []byte("\ns=")); found {
		name, _, _ = cutLine(name)
		o.Text("session", name)
	}
	return dissect.Yes
}
