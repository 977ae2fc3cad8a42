// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"

	"github.com/weirnet/weir/internal/dissect"
)

// protobuf: bare Protocol Buffers messages over TCP. They have no magic number, so a message must be complete, in
// libraries' form (fields in ascending order, shortest numbers), and hold text. Heuristic: all others come first.
var protobufProtocol = &dissect.Protocol{
	Name:      "protobuf",
	Spec:      "Protocol Buffers: Encoding",
	Category:  "rpc",
	Over:      dissect.TCP,
	Start:     dissect.BytesOf(0x08, 0x0a, 0x0d, 0x10, 0x12, 0x18, 0x1a), // the first three fields
	MinLength: 16,
	Heuristic: true,
	Inspect:   inspectProtobuf,
}

const (
	protobufMaxFields = 64
	// protobufMaxNumber is the highest plausible field number; two bytes of tag reach 2,047, but nearly all messages
	// stay below this.
	protobufMaxNumber = 256
	// protobufCertain is a message's minimum evidence in bits: 3 for a tag (4 of 8 wire types, and a number not below
	// the last and not far above), 1 for each byte of text (printable by chance in 3 of 8 cases), 2 for a fitting
	// length.
	protobufCertain = 48
	// protobufMinText is a message's minimum of text, in bytes.
	protobufMinText = 8
)

func inspectProtobuf(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if isPrintable(b) {
		return dissect.No // plain text parses as fields with text: a line feed is the tag of field 1
	}
	if n := len(b); n > 0 && b[n-1] == '\n' && protobufMessage(b[:n-1]) {
		return dissect.Yes // messages in lines
	}
	if protobufMessage(b) {
		return dissect.Yes
	}
	return dissect.No
}

// protobufMessage reports whether b is exactly one message, with enough evidence.
func protobufMessage(b []byte) bool {
	const varint, fixed64, delimited, fixed32 = 0, 1, 2, 5
	bits, text, last := 0, 0, uint64(1)
	for fields := 0; len(b) > 0; fields++ {
		tag, n := binary.Uvarint(b)
		number := tag >> 3
		if n <= 0 || number < last || number > last+protobufMaxNumber/8 || number > protobufMaxNumber ||
			fields == protobufMaxFields {
			return false
		}
		b, last = b[n:], number
		bits += 3
		size := 0
		switch tag & 7 {
		case varint:
			if _, size = binary.Uvarint(b); size <= 0 || size > 1 && b[size-1] == 0 {
				return false
			}
		case fixed64:
			size = 8
		case fixed32:
			size = 4
		case delimited:
			length, n := binary.Uvarint(b)
			if n <= 0 || length > uint64(len(b)-n) {
				return false
			}
			b, size = b[n:], int(length)
			bits += 2
			if size > 1 && isPrintable(b[:size]) {
				bits += size
				text += size
			}
		default:
			return false
		}
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	return bits >= protobufCertain && text >= protobufMinText
}
