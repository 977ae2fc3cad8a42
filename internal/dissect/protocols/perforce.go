// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// perforce: Helix Core messages: a checksum of the length's four bytes, the length, little endian, then variables, each
// as name, zero, length, value, zero.
var perforceProtocol = &dissect.Protocol{
	Name:      "perforce",
	Spec:      "Perforce RPC, as observed",
	Category:  "developer",
	Over:      dissect.TCP,
	Ports:     []uint16{1666},
	MinLength: perforceHeader,
	Inspect:   inspectPerforce,
}

const perforceHeader = 5

func inspectPerforce(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const longest = 1 << 20
	b := c.First()
	if len(b) < perforceHeader {
		return dissect.NeedMore
	}
	if b[0] != b[1]^b[2]^b[3]^b[4] || le32(b[1:]) > longest {
		return dissect.No
	}
	// A client begins with its protocol variables, or with a function call.
	message := b[perforceHeader:]
	message = message[:min(len(message), le32(b[1:]))]
	if bytes.Contains(message, []byte("func\x00\x08\x00\x00\x00protocol\x00")) {
		return dissect.Yes
	}
	if len(message) < le32(b[1:]) {
		return dissect.NeedMore
	}
	return dissect.No
}
