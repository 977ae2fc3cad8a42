// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// afp: Apple Filing Protocol over TCP, in its Data Stream Interface with a 16-byte header before each message.
var afpProtocol = &dissect.Protocol{
	Name:      "afp",
	Spec:      "Apple, AFP over TCP: DSI header",
	Category:  "file-sharing",
	Over:      dissect.TCP,
	Ports:     []uint16{548},
	Start:     dissect.BytesOf(0, 1),
	MinLength: afpHeader,
	Inspect:   inspectAFP,
}

const afpHeader = 16

func inspectAFP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, reply := c.ToServer(), c.ToClient()
	if !afpIsMessage(request, 0) || !afpIsMessage(reply, 1) {
		return dissect.No
	}
	if len(request) < afpHeader || len(reply) < afpHeader {
		return dissect.NeedMore
	}
	const status, session = 3, 4 // the first command of a conversation
	if request[1] != reply[1] || be16(request[2:]) != be16(reply[2:]) ||
		(request[1] != status && request[1] != session) && !c.Midstream {
		return dissect.No
	}
	return dissect.Yes
}

// afpIsMessage checks flags, command and the reserved word.
func afpIsMessage(b []byte, flags byte) bool {
	const longest = 1 << 20
	if len(b) < afpHeader {
		return len(b) == 0 || b[0] == flags
	}
	command, size := b[1], be32(b[8:])
	return b[0] == flags && command >= 1 && command <= 8 && command != 7 && be32(b[12:]) == 0 && size <= longest
}
