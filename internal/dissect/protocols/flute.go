// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// flute: File Delivery over Unidirectional Transport, by a datagram of its file delivery table.
var fluteProtocol = &dissect.Protocol{
	Name:      "flute",
	Spec:      "RFC 6726 §3.4; RFC 5651 §5.1 (LCT header)",
	Category:  "file-transfer",
	Over:      dissect.UDP,
	Start:     dissect.ByteRange(0x10, 0x1f), // version 1 and flags
	MinLength: lctHeader,
	Heuristic: true,
	Inspect:   inspectFLUTE,
}

const lctHeader = 12 // version and flags, flags, length in words, codepoint; congestion control; identifiers

func inspectFLUTE(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const fdt = 192 // the extension that marks the table's datagrams: FLUTE version and instance
	for i := range c.Datagrams {
		b := c.Datagrams[i].Payload
		if len(b) < lctHeader || b[0]>>4 != 1 || 4*int(b[2]) > len(b) || 4*int(b[2]) < lctHeader {
			return dissect.No
		}
		header, data := b[:4*int(b[2])], b[4*int(b[2]):]
		if bytes.IndexByte(header[8:], fdt) >= 0 && bytes.Contains(data, []byte("FDT-Instance")) {
			return dissect.Yes
		}
	}
	return dissect.NeedMore
}
