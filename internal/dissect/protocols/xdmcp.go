// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// xdmcp: version 1 (X Display Manager Control Protocol, X.Org, §4).
var xdmcpProtocol = &dissect.Protocol{
	Name: "xdmcp", Spec: "X Display Manager Control Protocol §4", Category: "remote-access",
	Members: []string{"xdmcp.message"},
	Over:    dissect.UDP, Ports: []uint16{177}, Start: dissect.BytesOf(0), MinLength: 7, Inspect: inspectXDMCP,
}

// xdmcpTypes names the packets by opcode.
var xdmcpTypes = [...]string{
	1: "broadcast-query", 2: "query", 3: "indirect-query", 4: "forward-query", 5: "willing", 6: "unwilling",
	7: "request",
	8: "accept", 9: "decline", 10: "manage", 11: "refuse", 12: "failed", 13: "keep-alive", 14: "alive",
}

func inspectXDMCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, version = 6, 1
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < header+1 || be16(b) != version || b[2] != 0 || int(b[3]) >= len(xdmcpTypes) || b[3] == 0 ||
		be16(b[4:]) != d.Length-header {
		return dissect.No
	}
	switch b[3] {
	case 1, 2, 3: // a list of authentication names: their number, and each after its length
		n, rest := int(b[header]), b[header+1:]
		for range n {
			if len(rest) < 2 || be16(rest) > len(rest)-2 {
				return dissect.No
			}
			rest = rest[2+be16(rest):]
		}
		if len(rest) != 0 {
			return dissect.No
		}
	case 11: // the session's identifier alone
		if d.Length != header+4 {
			return dissect.No
		}
	}
	r.Object("xdmcp").String("message", xdmcpTypes[b[3]])
	return dissect.Yes
}
