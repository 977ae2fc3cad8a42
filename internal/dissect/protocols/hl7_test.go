// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the HL7 2.5.1 chapter 2 example.
var (
	hl7Talk = tcp(2575, C("\x0bMSH|^~\\&|ADT1|MCM|LABADT|MCM|198808181126||ADT^A01|MSG00001|P|2.5\rPID|1\r\x1c\r"))
)

func TestHL7(t *testing.T) {
	wantProtocol(t, hl7Talk, "hl7", `"sending_application":"ADT1"`, `"message_type":"ADT^A01"`, `"version":"2.5"`)
	wantNot(t, tcp(2575, C("\x0bMSX|^~\\&|ADT1")), "hl7")
	testTruncations(t, "hl7", hl7Talk, 10)
	wantNoAllocations(t, "hl7", hl7Talk)
}

func FuzzHL7(f *testing.F) { fuzzTalks(f, "hl7", hl7Talk) }
