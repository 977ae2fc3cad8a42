// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// skinny: Cisco's Skinny Client Control Protocol over TCP: little-endian length and header version, message id, body.
var skinnyProtocol = &dissect.Protocol{
	Name:      "skinny",
	Spec:      "Cisco SCCP, as in its public dissections",
	Category:  "voip",
	Over:      dissect.TCP,
	Ports:     []uint16{2000, 2443},
	MinLength: skinnyHeader,
	Members:   []string{"skinny.device"},
	Inspect:   inspectSkinny,
}

const (
	skinnyHeader = 12
	// skinnyMaxLength is the maximum message length: registration messages have up to some hundred bytes, those with
	// text 2,000.
	skinnyMaxLength = 4096
	// skinnyMaxVersion is the highest header version in use: 0 (basic) to 0x16 (CM 9 and later).
	skinnyMaxVersion = 0x20
	skinnyRegister   = 0x0001
	// skinnyCertain consecutive messages are certain: each fixes 24 to 27 bits of version and 21 of id.
	skinnyCertain  = 2
	skinnyMessages = 32
)

func inspectSkinny(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	device, up, ok := readSkinny(c.ToServer())
	if !ok {
		return dissect.No
	}
	_, down, ok := readSkinny(c.ToClient())
	if !ok {
		return dissect.No
	}
	if up+down < skinnyCertain {
		return dissect.NeedMore
	}
	r.Object("skinny").Text("device", device)
	return dissect.Yes
}

// readSkinny counts the messages of a direction; ok is false if other bytes follow. device is the registering device.
func readSkinny(b []byte) (device []byte, n int, ok bool) {
	for ; n < skinnyMessages && len(b) >= skinnyHeader; n++ {
		length, version, id := le32(b), le32(b[4:]), le32(b[8:])
		if length < 4 || length > skinnyMaxLength || version > skinnyMaxVersion || !skinnyID(id) {
			return device, n, false
		}
		body := b[skinnyHeader:min(len(b), 8+length)]
		if id == skinnyRegister && len(body) >= 16 {
			device, _, _ = bytes.Cut(body[:16], []byte{0})
		}
		if len(b) < 8+length {
			break
		}
		b = b[8+length:]
	}
	return device, n, true
}

// skinnyID reports whether id is in a range of stations (0x0000 to 0x005f), servers (0x0081 to 0x0160) or SPCP.
func skinnyID(id int) bool {
	return id <= 0x005f || id >= 0x0081 && id <= 0x0160 || id >= 0x8000 && id <= 0x8101
}
