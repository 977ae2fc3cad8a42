// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// whatsapp: clients' connection to WhatsApp's servers: an optional "ED" with routing information, "WA" and a version,
// then frames after 3-byte lengths. The handshake in them is Noise (noiseprotocol.org); the frames of the first
// versions begin with the list token of compressed XMPP.
var whatsappProtocol = &dissect.Protocol{
	Name:      "whatsapp",
	Spec:      "WhatsApp Encryption Overview (Noise Pipes); clients' published sources",
	Category:  "messaging",
	Over:      dissect.TCP,
	Ports:     []uint16{5222},
	Start:     dissect.FirstBytes("WA", "ED"),
	MinLength: 8,
	Members:   []string{"whatsapp.version_major", "whatsapp.version_minor"},
	Inspect:   inspectWhatsApp,
}

const (
	whatsappMaxVersion = 0x20
	whatsappMaxFrame   = 4096 // of a handshake
)

func inspectWhatsApp(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.ToServer()
	if len(b) == 0 {
		b = c.First() // the capture may swap the sides
	}
	if couldBe(b, "ED\x00\x01") {
		if len(b) < 7 {
			return dissect.NeedMore
		}
		n := 7 + whatsappLength(b[4:])
		if n > whatsappMaxFrame {
			return dissect.No
		}
		b = b[min(len(b), n):]
	}
	if !couldBe(b, "WA") {
		return dissect.No
	}
	const header = 4 + 3
	if len(b) < header+1 {
		return dissect.NeedMore
	}
	if b[2] == 0 || b[2] > whatsappMaxVersion || b[3] > whatsappMaxVersion {
		return dissect.No
	}
	if n := whatsappLength(b[4:]); n == 0 || n > whatsappMaxFrame || !isWhatsAppFrame(b[header]) {
		return dissect.No
	}
	o := r.Object("whatsapp")
	o.Int("version_major", int64(b[2]))
	o.Int("version_minor", int64(b[3]))
	r.SetApplication("whatsapp")
	return dissect.Yes
}

// isWhatsAppFrame reports whether a first frame begins as field 2 of a protocol buffer (the client's hello), or as a
// list of less than 256 elements.
func isWhatsAppFrame(first byte) bool { return first == 0x12 || first == 0xf8 }

// whatsappLength reads a 3-byte length.
func whatsappLength(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
