// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// syncthing: local discovery (UDP, to all devices of a network) and the relay protocol's messages. Transfers use TLS.
var syncthingProtocol = &dissect.Protocol{
	Name:      "syncthing",
	Spec:      "Syncthing Local Discovery Protocol v4; Relay Protocol v1",
	Category:  "file-sharing",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{21027, 22067},
	Start:     dissect.BytesOf(0x2e, 0x9e),
	MinLength: 12,
	Inspect:   inspectSyncthing,
}

func inspectSyncthing(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const announce, relay = 0x2ea7d90b, 0x9e79bc40
	b := c.First()
	if len(b) < 12 {
		return dissect.NeedMore
	}
	switch {
	case c.Transport == dissect.UDP && ube32(b) == announce && b[4] == 0x0a && b[5] == 32:
		// Field 1, the 32-byte device id
		return dissect.Yes
	case c.Transport == dissect.TCP && ube32(b) == relay && be32(b[4:]) <= 9 && be32(b[8:]) <= 1024: // type and length
		return dissect.Yes
	}
	return dissect.No
}
