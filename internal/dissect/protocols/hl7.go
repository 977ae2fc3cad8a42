// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// hl7: HL7 version 2 messages in the minimal lower layer protocol: 0x0b, segments, 0x1c 0x0d.
var hl7Protocol = &dissect.Protocol{
	Name:      "hl7",
	Spec:      "HL7 v2.5.1 chapter 2 §2.14.9; MLLP release 1",
	Category:  "health",
	Over:      dissect.TCP,
	Ports:     []uint16{2575},
	Start:     dissect.BytesOf(0x0b),
	MinLength: 5,
	Members:   []string{"hl7.message_type", "hl7.sending_application", "hl7.version"},
	Inspect:   inspectHL7,
}

func inspectHL7(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if !couldBe(b, "\x0bMSH|") {
		if hasAnyPrefix(b, []string{"\x0bFHS|", "\x0bBHS|"}) {
			return dissect.Yes // a file or batch
		}
		return dissect.No
	}
	header, _, whole := bytes.Cut(b, []byte{'\r'})
	if len(b) < 10 {
		return dissect.NeedMore
	}
	o := r.Object("hl7")
	for i := 1; i <= 12; i++ { // MSH-1 is the separator itself, MSH-2 the encoding characters
		_, rest, more := bytes.Cut(header, []byte{'|'})
		field, _, _ := bytes.Cut(rest, []byte{'|'})
		switch i {
		case 2:
			o.Text("sending_application", field)
		case 8:
			o.Text("message_type", field)
		case 11:
			o.Text("version", field)
		}
		if header = rest; !more {
			break
		}
	}
	if !whole {
		return dissect.YesMore
	}
	return dissect.Yes
}
