// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ldp: Label Distribution Protocol: hellos over UDP, sessions over TCP (RFC 5036 §3.1, §3.5).
var ldpProtocol = &dissect.Protocol{
	Name: "ldp", Spec: "RFC 5036 §3", Category: "routing",
	Over: dissect.TCP | dissect.UDP, Ports: []uint16{646}, Start: dissect.BytesOf(0), MinLength: 18,
	Members: []string{"ldp.message", "ldp.router_id"},
	Inspect: inspectLDP,
}

func inspectLDP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const version, header, message, maxLength, hello = 1, 10, 8, 4096, 0x0100
	b := c.First()
	if len(b) < header+message {
		return dissect.NeedMore
	}
	length := be16(b[2:])
	if be16(b) != version || length < header-4+message || length > maxLength || be32(b[4:]) == 0 {
		return dissect.No
	}
	kind := be16(b[header:])
	if c.Transport == dissect.UDP && (kind != hello || length+4 != c.Datagrams[0].Length) ||
		c.Transport == dissect.TCP && kind == hello {
		return dissect.No
	}
	// The messages fill the protocol data unit; another one may follow.
	_, rest, ok := countMessages(b[header:min(len(b), length+4)], ldpLength)
	if !ok || len(b) >= length+4 && rest > 0 || len(b) > length+5 && be16(b[length+4:]) != version {
		return dissect.No
	}
	if c.Transport == dissect.TCP && len(b) < length+4 {
		return dissect.NeedMore
	}
	o := r.Object("ldp")
	var text [15]byte
	o.Text("router_id", appendDotted(text[:0], b[4:8]))
	o.String("message", ldpMessage(kind))
	return dissect.Yes
}

// ldpLength returns the length of a message, for countMessages: type, length of the rest, identifier (§3.5).
func ldpLength(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	const ignorable = 0x8000 // receivers ignore such messages of unknown types
	if be16(b)&ignorable == 0 && ldpMessage(be16(b)) == "" || be16(b[2:]) < 4 {
		return -1
	}
	return 4 + be16(b[2:])
}

// ldpMessage returns the name of a message type, RFC 5036 §3.7 and RFC 5561.
func ldpMessage(kind int) string {
	switch kind {
	case 0x0001:
		return "notification"
	case 0x0100:
		return "hello"
	case 0x0200:
		return "initialization"
	case 0x0201:
		return "keep-alive"
	case 0x0202:
		return "capability"
	case 0x0300:
		return "address"
	case 0x0301:
		return "address-withdraw"
	case 0x0400:
		return "label-mapping"
	case 0x0401:
		return "label-request"
	case 0x0402:
		return "label-withdraw"
	case 0x0403:
		return "label-release"
	case 0x0404:
		return "label-abort-request"
	}
	return ""
}
