// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// nano: the handshake between peers, by its magic number.
var nanoProtocol = &dissect.Protocol{
	Name: "nano", Spec: "Nano protocol specification: message header, node_id_handshake", Category: "crypto-currency",
	Over: dissect.TCP, Ports: []uint16{7075}, Start: dissect.FirstBytes("R"), MinLength: nanoHeader,
	Members: []string{"nano.version"},
	Inspect: inspectNano,
}

// nanoHeader is "R" and the network, the newest, used and oldest protocol version, message type, extensions.
const nanoHeader = 2 + 3 + 1 + 2

// inspectNano checks the handshake that opens a connection: a query, a 32-byte cookie, and the answer, at least a
// node's key and signature.
func inspectNano(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const handshake, query, response, cookie, signed = 0x0a, 0x01, 0x02, 32, 32 + 64
	first, second := c.First(), c.Second()
	if !isNano(first) || first[5] != handshake {
		return dissect.No
	}
	if len(first) < nanoHeader+cookie || first[6]&query != 0 && first[6]&response == 0 && len(first) != nanoHeader+
		cookie {
		return dissect.No
	}
	if len(second) < nanoHeader+signed {
		return dissect.NeedMore
	}
	if !isNano(second) || second[5] != handshake || second[1] != first[1] || second[6]&response == 0 {
		return dissect.No
	}
	r.Object("nano").Int("version", int64(first[3]))
	return dissect.Yes
}

// isNano checks a header: the network is "A" for tests, "B" for beta, "C" for the live one, "X" for private tests.
func isNano(b []byte) bool {
	return len(b) >= nanoHeader && b[0] == 'R' && (b[1] >= 'A' && b[1] <= 'C' || b[1] == 'X') &&
		b[2] >= b[3] && b[3] >= b[4] && b[4] > 0 && b[2] < 64 && b[5] < 32
}
