// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// tivoconnect: the beacon by which TiVo recorders and their companions find one another: lines of key=value, over UDP to
// the whole network, and over TCP behind a length of 4 bytes.
var _ = register(Protocol{
	Name:      "tivoconnect",
	Spec:      "TiVo Connect Automatic Machine Discovery Protocol 1.5",
	Category:  "iot",
	Over:      TCP | UDP,
	Ports:     []uint16{2190},
	Start:     Firsts("TiVoConnect=", "tivoconnect=", "\x00"),
	MinLength: 16,
	Inspect:   inspectTiVoConnect,
})

func inspectTiVoConnect(c *Conversation, r *Result) Verdict {
	b := c.First()
	if c.Transport == TCP && len(b) >= 4 && b[0] == 0 && b[1] == 0 {
		b = b[4:]
	}
	const first = "TIVOCONNECT="
	if !hasPrefixFold(b, first) {
		return No
	}
	var machine, platform []byte
	for range maxLines {
		line, rest, whole := cutLine(b)
		key, value, _ := bytes.Cut(line, []byte{'='})
		switch {
		case hasPrefixFold(key, "MACHINE"):
			machine = value
		case hasPrefixFold(key, "PLATFORM"):
			platform = value
		}
		if b = rest; !whole {
			break
		}
	}
	o := r.Object("tivoconnect")
	o.Text("machine", machine)
	o.Text("platform", platform)
	return Yes
}
