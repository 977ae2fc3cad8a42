// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the encoding's documentation: field 1 a number, 2 "a text of some length, which is enough", 3 fixed.
var (
	protobufTalk = tcp(12345, C("\x08\x96\x01\x12\x26a text of some length, which is enough\x1d\x01\x02\x03\x04"))
	protobufLine = tcp(12345, C("\x0a\x28another text, of forty bytes to the end.\x10\x01\n"))
)

func TestProtobuf(t *testing.T) {
	wantProtocol(t, protobufTalk, "protobuf")
	wantProtocol(t, protobufLine, "protobuf")
	wantNot(t, tcp(1, C("\n;this is a text with a length that fits, as a character.\n")), "protobuf")
	wantNot(t, tcp(1, C("\x08\x96\x01\x12\x27a text of some length, which is enough\x1d\x01\x02\x03\x04")), "protobuf")
	wantNot(t, tcp(1, C("\x12\x26a text of some length, which is enough\x08\x01")), "protobuf")
	wantNot(t, tcp(1, C("\x08\x01\x10\x01\x18\x01\x20\x01\x28\x01\x30\x01\x38\x01\x40\x01\x48\x01\x50\x01\x58\x01\x60"+
		"\x01\x68\x01\x70\x01\x78\x01")), "protobuf")
	for _, k := range []talk{protobufTalk, protobufLine} {
		testTruncations(t, "protobuf", k, 43)
		wantNoAllocations(t, "protobuf", k)
	}
}

func FuzzProtobuf(f *testing.F) { fuzzTalks(f, "protobuf", protobufTalk, protobufLine) }
