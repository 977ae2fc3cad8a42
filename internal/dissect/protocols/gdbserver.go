// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// gdbserver: GDB's remote serial protocol: packets between "$" and "#", with a checksum of two digits, and
// acknowledgements.
var gdbserverProtocol = &dissect.Protocol{
	Name:      "gdbserver",
	Spec:      "Debugging with GDB, appendix E.1, E.4",
	Category:  "developer",
	Over:      dissect.TCP,
	Ports:     []uint16{2159},
	Start:     dissect.FirstBytes("+", "$"),
	MinLength: 5,
	Members:   []string{"gdbserver.packet"},
	Inspect:   inspectGDBServer,
}

func inspectGDBServer(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const enough = 3 // one-byte checksums, or a single one after a query unique to GDB
	right, wait := 0, false
	for _, b := range [2][]byte{c.First(), c.Second()} {
		for range maxLines {
			b = bytes.TrimLeft(b, "+")
			if len(b) == 0 {
				break
			}
			body, rest, whole := cutGDBPacket(b)
			if !whole {
				wait = wait || b[0] == '$'
				if b[0] != '$' {
					return dissect.No
				}
				break
			}
			if body == nil {
				return dissect.No
			}
			right++
			if hasPrefix(body, "qSupported") || hasPrefix(body, "vMustReplyEmpty") || hasPrefix(body, "PacketSize=") {
				r.Object("gdbserver").Text("packet", body[:min(len(body), dissect.MaxText/2)])
				return dissect.Yes
			}
			b = rest
		}
	}
	if right >= enough {
		return dissect.Yes
	}
	return moreIf(!c.Last || wait)
}

// cutGDBPacket splits the packet off the start of b. whole is false if the packet is incomplete; body is nil if the
// checksum is wrong or the packet empty.
func cutGDBPacket(b []byte) (body, rest []byte, whole bool) {
	if b[0] != '$' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b, '#')
	if end < 0 || len(b) < end+3 {
		return nil, nil, false
	}
	sum := byte(0)
	for _, v := range b[1:end] {
		sum += v
	}
	if end == 1 || b[end+1] != hexDigits[sum>>4] || b[end+2] != hexDigits[sum&15] {
		return nil, nil, true
	}
	return b[1:end], b[end+3:], true
}
