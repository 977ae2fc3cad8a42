// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// slp: Service Location Protocol, version 2 (RFC 2608 §8) and 1 (RFC 2165 §4).
var slpProtocol = &dissect.Protocol{
	Name:      "slp",
	Spec:      "RFC 2608 §8; RFC 2165 §4",
	Category:  "network",
	Over:      dissect.UDP | dissect.TCP,
	Ports:     []uint16{427},
	Start:     dissect.BytesOf(1, 2),
	MinLength: 16,
	Members:   []string{"slp.function", "slp.service_type", "slp.version"},
	Inspect:   inspectSLP,
}

// slpFunctions are the functions, RFC 2608 §8.
var slpFunctions = [...]string{
	1: "service-request", 2: "service-reply", 3: "service-registration", 4: "service-deregistration", 5: "service-ack",
	6: "attribute-request", 7: "attribute-reply", 8: "da-advertisement", 9: "service-type-request",
	10: "service-type-reply", 11: "sa-advertisement",
}

func inspectSLP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	length := len(b)
	if c.Transport != dissect.TCP {
		length = c.Datagrams[0].Length
	}
	if len(b) < 16 {
		return dissect.NeedMore
	}
	if b[1] == 0 || int(b[1]) >= len(slpFunctions) {
		return dissect.No
	}
	body, ok := slpHeader(b, length, c.Transport == dissect.TCP)
	if !ok {
		return dissect.No
	}
	o := r.Object("slp")
	o.Int("version", int64(b[0]))
	o.String("function", slpFunctions[b[1]])
	if b[1] != 1 {
		return dissect.Yes
	}
	_, body, ok = slpString(body) // the responders that have already answered
	if !ok {
		return dissect.Yes
	}
	if service, _, ok := slpString(body); ok {
		o.Text("service_type", service)
	}
	return dissect.Yes
}

// slpHeader checks the header of either version and returns the bytes after it: the length is the message's, reserved
// flags are 0, the language has two to eight letters.
func slpHeader(b []byte, length int, stream bool) ([]byte, bool) {
	const header1, header2 = 12, 14
	if b[0] == 1 {
		claimed := be16(b[2:])
		letters := isLanguage(b[6:8])
		return b[header1:], claimed >= header1 && (claimed == length || stream && claimed > length) && b[4]&7 == 0 &&
			b[5] == 0 && letters
	}
	claimed := be24(b[2:])
	n := be16(b[12:])
	if b[0] != 2 || claimed != length && !(stream && claimed > length) || b[5]&0x1f != 0 || b[6] != 0 ||
		be24(b[7:]) >= claimed {
		return nil, false
	}
	if n < 2 || n > 8 || len(b) < header2+n || !isLanguage(b[header2:header2+2]) {
		return nil, false
	}
	return b[header2+n:], true
}

func isLanguage(b []byte) bool {
	for _, c := range b {
		if c |= 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// slpString splits off a text after its 2-byte length.
func slpString(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 || be16(b) > len(b)-2 {
		return nil, nil, false
	}
	n := 2 + be16(b)
	return b[2:n], b[n:], true
}
