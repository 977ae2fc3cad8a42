// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// atg: Veeder-Root's automatic tank gauges, by a function code after SOH, which the answer repeats.
var atgProtocol = &dissect.Protocol{
	Name:      "atg",
	Spec:      "Veeder-Root 576013-635, Serial Interface Manual for TLS-300/350, §4, §7",
	Category:  "industrial",
	Over:      dissect.TCP,
	Ports:     []uint16{10001},
	Start:     dissect.BytesOf(atgBegin),
	MinLength: 7,
	Members:   []string{"atg.function"},
	Inspect:   inspectATG,
}

const atgBegin = 0x01 // SOH

func inspectATG(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) == 0 {
			continue
		}
		if b[0] != atgBegin {
			return dissect.No
		}
		code := atgCode(b[1:min(len(b), 16)])
		if code == nil {
			return moreIf(len(b) < 16)
		}
		r.Object("atg").Text("function", code)
		return dissect.Yes
	}
	return dissect.NeedMore
}

// atgCode returns the command at the start of b: an optional 6-digit security code, I to inquire or S to set (in lower
// case for the computer's format), 3 digits or letters of the function and 2 of the device; a line end precedes it in
// the answer.
func atgCode(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	if len(b) >= 12 && atgDigits(b[:6]) {
		b = b[6:]
	}
	if len(b) < 6 || b[0]|0x20 != 'i' && b[0]|0x20 != 's' || !atgDigits(b[2:6]) || !atgDigits(b[1:2]) &&
		(b[1] < 'A' || b[1] > 'Z') {
		return nil
	}
	return b[:6]
}

func atgDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
