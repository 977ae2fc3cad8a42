// SPDX-License-Identifier: Apache-2.0

package dissect

// dlep: the dynamic link exchange protocol between router and modem: discovery signals over UDP, sessions over TCP.
var _ = register(Protocol{
	Name:      "dlep",
	Spec:      "RFC 8175 §11, §12, §13",
	Category:  "routing",
	Over:      TCP | UDP,
	Ports:     []uint16{854},
	Start:     Firsts("D").Or(Of(0)),
	MinLength: dlepHeader,
	Inspect:   inspectDLEP,
})

const (
	dlepHeader    = 4 // type, length of what follows
	dlepItems     = 64
	dlepHeartbeat = 5
)

func inspectDLEP(c *Conversation, r *Result) Verdict {
	b := c.First()
	signal := hasPrefix(b, "DLEP")
	if signal != (c.Transport == UDP) {
		return No
	}
	if signal {
		b = b[4:]
	}
	if len(b) < dlepHeader {
		return moreIf(c.Transport == TCP)
	}
	kind, length := be16(b), be16(b[2:])
	if signal {
		if kind < 1 || kind > 2 || 4+dlepHeader+length != c.Datagrams[0].Length {
			return No
		}
		r.Object("dlep").Int("signal", int64(kind))
		return Yes
	}
	if kind < 1 || kind > 16 {
		return No
	}
	if len(b) < dlepHeader+length {
		return NeedMore
	}
	if !dlepHasHeartbeat(b[dlepHeader : dlepHeader+length]) { // sessions begin with it, in both directions: §12.5, §12.6
		return No
	}
	r.Object("dlep").Int("message", int64(kind))
	return Yes
}

// dlepHasHeartbeat walks data items, type and length and value, to the end.
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
