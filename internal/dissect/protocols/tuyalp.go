// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// tuya-lp: Tuya's local protocol: messages between a prefix and its reverse. The vendor's specification isn't public;
// the layout follows public descriptions.
var tuyaLPProtocol = &dissect.Protocol{
	Name:      "tuya-lp",
	Spec:      "Tuya local protocol 3.1 to 3.5 as publicly described",
	Category:  "iot",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{6666, 6667, 6668},
	Start:     dissect.BytesOf(0),
	MinLength: tuyaHeader,
	Members:   []string{"tuya_lp.command"},
	Inspect:   inspectTuya,
}

const tuyaHeader = 16 // prefix, sequence number, command, length of the rest; version 3.5 has two more bytes

func inspectTuya(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < tuyaHeader {
		return moreIf(c.Transport == dissect.TCP && (couldBe(b, "\x00\x00\x55\xaa") || couldBe(b, "\x00\x00\x66\x99")))
	}
	header, command, after := tuyaHeader, be32(b[8:]), 0
	suffix := "\x00\x00\xaa\x55"
	switch be32(b) {
	case 0x55aa:
	case 0x6699:
		if len(b) < tuyaHeader+2 {
			return dissect.NeedMore
		}
		header, command, after = tuyaHeader+2, be32(b[10:]), len(suffix) // the length excludes the suffix here
		suffix = "\x00\x00\x99\x66"
	default:
		return dissect.No
	}
	end := header + be32(b[header-4:]) + after
	if end < header+len(suffix) || end > dissect.MaxStream || command > 0xff {
		return dissect.No
	}
	if len(b) < end {
		return moreIf(c.Transport == dissect.TCP)
	}
	if string(b[end-len(suffix):end]) != suffix {
		return dissect.No
	}
	r.Object("tuya_lp").Int("command", int64(command))
	return dissect.Yes
}
