// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// dlep: Dynamic Link Exchange Protocol between router and modem: discovery signals over UDP, sessions over TCP.
var dlepProtocol = &dissect.Protocol{
	Name:      "dlep",
	Spec:      "RFC 8175 §11, §12, §13",
	Category:  "routing",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{854},
	Start:     dissect.FirstBytes("D").Or(dissect.BytesOf(0)),
	MinLength: dlepHeader,
	Members:   []string{"dlep.message", "dlep.signal"},
	Inspect:   inspectDLEP,
}

const (
	dlepHeader    = 4 // type, length of the data items
	dlepItems     = 64
	dlepHeartbeat = 5
)

func inspectDLEP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	signal := hasPrefix(b, "DLEP")
	if signal != (c.Transport == dissect.UDP) {
		return dissect.No
	}
	if signal {
		b = b[4:]
	}
	if len(b) < dlepHeader {
		return moreIf(c.Transport == dissect.TCP)
	}
	kind, length := be16(b), be16(b[2:])
	if signal {
		if kind < 1 || kind > 2 || 4+dlepHeader+length != c.Datagrams[0].Length {
			return dissect.No
		}
		r.Object("dlep").Int("signal", int64(kind))
		return dissect.Yes
	}
	if kind < 1 || kind > 16 {
		return dissect.No
	}
	if len(b) < dlepHeader+length {
		return dissect.NeedMore
	}
	if !dlepHasHeartbeat(b[dlepHeader : dlepHeader+length]) {
		// Sessions begin with it, in both directions: §12.5, §12.6
		return dissect.No
	}
	r.Object("dlep").Int("message", int64(kind))
	return dissect.Yes
}

// dlepHasHeartbeat walks data items (type, length, value) to the end.
func dlepHasHeartbeat(b []byte) bool {
	found := false
	for range dlepItems {
		if len(b) == 0 {
			return found
		}
		if len(b) < dlepHeader || len(b) < dlepHeader+be16(b[2:]) || be16(b) == 0 {
			return false
		}
		found = found || be16(b) == dlepHeartbeat && be16(b[2:]) == 4
		b = b[dlepHeader+be16(b[2:]):]
	}
	return false
}
