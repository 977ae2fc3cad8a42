// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// doip: vehicle diagnostics, by the generic header: a version, its complement, and a length that fits.
var doipProtocol = &dissect.Protocol{
	Name:      "doip",
	Spec:      "ISO 13400-2:2019 §9.2",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{13400},
	Start:     dissect.BytesOf(1, 2, 3, 0xff),
	MinLength: doipHeader,
	Members:   []string{"doip.payload_type", "doip.version"},
	Inspect:   inspectDoIP,
}

const (
	doipHeader = 8 // version, its complement, payload type, length of the payload
	doipNACK   = 0 // the payload type of a rejection; no conversation begins with it
)

func inspectDoIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < doipHeader {
		return moreIf(c.Transport == dissect.TCP)
	}
	kind, length := be16(b[2:]), be32(b[4:])
	if b[0]^b[1] != 0xff || b[0] > 4 && b[0] != 0xff || length < 0 || length > 1<<20 ||
		c.Transport == dissect.UDP && doipHeader+length != c.Datagrams[0].Length || c.Transport == dissect.TCP &&
		b[0] == 0xff {
		return dissect.No
	}
	if !doipKind(b[0], kind, length) || kind == doipNACK && !c.Midstream {
		return dissect.No
	}
	o := r.Object("doip")
	o.Int("version", int64(b[0]))
	o.Int("payload_type", int64(kind))
	return dissect.Yes
}

// doipKind reports whether the payload type is defined and allows this length. Version 255 is for identification
// requests from testers that do not know the vehicle's version.
func doipKind(version byte, kind, length int) bool {
	switch kind {
	case 0x0001:
		return length == 0
	case 0x0002:
		return length == 6
	case 0x0003:
		return length == 17
	}
	if version == 0xff {
		return false
	}
	switch kind {
	case doipNACK:
		return length == 1
	case 0x0004:
		return length == 32 || length == 33
	case 0x0005:
		return length == 7 || length == 11
	case 0x0006:
		return length == 9 || length == 13
	case 0x0007, 0x4001, 0x4003:
		return length == 0
	case 0x0008:
		return length == 2
	case 0x4002:
		return length == 3 || length == 7
	case 0x4004:
		return length == 1
	case 0x8001, 0x8002, 0x8003:
		return length >= 5
	}
	return false
}
