// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// someip: SOME/IP messages with fitting lengths, and their service discovery.
var someipProtocol = &dissect.Protocol{
	Name:      "someip",
	Spec:      "AUTOSAR PRS_SOMEIPProtocol §4.1; PRS_SOMEIPServiceDiscoveryProtocol §4.1",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{30490, 30491, 30501},
	Start:     dissect.ByteRange(0, 255), // a service identifier may begin with any byte
	MinLength: someipHeader,
	Heuristic: true,
	Members:   []string{"someip.message_type", "someip.method_id", "someip.service_id"},
	Inspect:   inspectSOMEIP,
}

const (
	someipHeader  = 16 // service, method, length of the rest, client, session, versions, type, return code
	someipMaximum = 1 << 24
)

func inspectSOMEIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < someipHeader {
		return moreIf(c.Transport == dissect.TCP)
	}
	if someipLength(b) < 0 {
		return dissect.No
	}
	_, rest, ok := countMessages(b, someipLength)
	if !ok || rest > 0 {
		return dissect.No
	}
	o := r.Object("someip")
	o.Int("service_id", int64(be16(b)))
	o.Int("method_id", int64(be16(b[2:])))
	o.Int("message_type", int64(b[14]))
	return dissect.Yes
}

// someipLength returns the length of a message, for countMessages.
func someipLength(b []byte) int {
	if len(b) < someipHeader {
		return -1
	}
	length, kind := be32(b[4:]), b[14]
	if length < someipHeader-8 || length > someipMaximum || b[12] != 1 || b[15] > 0x5e || be16(b) == 0 || kind <= 2 &&
		b[15] != 0 {
		// Requests have no return code
		return -1
	}
	switch kind &^ 0x20 { // segmented (TP)
	case 0x00, 0x01, 0x02, 0x40, 0x41, 0x42, 0x80, 0x81, 0xc0, 0xc1:
		return 8 + length
	}
	return -1
}
