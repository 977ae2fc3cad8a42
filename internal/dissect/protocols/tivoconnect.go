// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// tivoconnect: the beacon with which TiVo recorders and their companions find each other: lines of key=value, over UDP
// to the whole network, and over TCP after a 4-byte length.
var tivoconnectProtocol = &dissect.Protocol{
	Name:      "tivoconnect",
	Spec:      "TiVo Connect Automatic Machine Discovery Protocol 1.5",
	Category:  "iot",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{2190},
	Start:     dissect.FirstBytes("TiVoConnect=", "tivoconnect=", "\x00"),
	MinLength: 16,
	Members:   []string{"tivoconnect.machine", "tivoconnect.platform"},
	Inspect:   inspectTiVoConnect,
}

func inspectTiVoConnect(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.TCP && len(b) >= 4 && b[0] == 0 && b[1] == 0 {
		b = b[4:]
	}
	const first = "TIVOCONNECT="
	if !hasPrefixFold(b, first) {
		return dissect.No
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
	return dissect.Yes
}
