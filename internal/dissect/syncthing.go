// SPDX-License-Identifier: Apache-2.0

package dissect

// syncthing: local discovery (UDP, to all devices of a network) and the relay protocol's messages. Transfers themselves are
// TLS.
var _ = register(Protocol{
	Name:      "syncthing",
	Spec:      "Syncthing Local Discovery Protocol v4; Relay Protocol v1",
	Category:  "file-sharing",
	Over:      TCP | UDP,
	Ports:     []uint16{21027, 22067},
	Start:     Of(0x2e, 0x9e),
	MinLength: 12,
	Inspect:   inspectSyncthing,
})

func inspectSyncthing(c *Conversation, r *Result) Verdict {
	const announce, relay = 0x2ea7d90b, 0x9e79bc40
	b := c.First()
	if len(b) < 12 {
		return NeedMore
	}
	switch {
	case c.Transport == UDP && ube32(b) == announce && b[4] == 0x0a && b[5] == 32: // field 1, the device id of 32 bytes
		return Yes
	case c.Transport == TCP && ube32(b) == relay && be32(b[4:]) <= 9 && be32(b[8:]) <= 1024: // type and length
		return Yes
	}
	return No
}
