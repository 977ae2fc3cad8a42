// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// telnet: by its option negotiation (RFC 854, RFC 855); a session without one stays unrecognised.
var telnetProtocol = &dissect.Protocol{
	Name:      "telnet",
	Spec:      "RFC 854, RFC 1091",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{23, 2323},
	Start:     dissect.BytesOf(telnetIAC),
	MinLength: 3,
	Extra:     20, // users type a log-in key by key
	Members:   []string{"telnet.terminal"},
	Inspect:   inspectTelnet,
}

const (
	telnetIAC  = 0xff
	telnetSB   = 0xfa
	telnetSE   = 0xf0
	telnetWill = 0xfb // and WONT, DO, DONT up to 0xfe
	telnetDont = 0xfe
	// telnetMaxOption is IANA's highest contiguous option; 138 to 140 and 255 lie beyond.
	telnetMaxOption = 49
	// telnetMaxCommands bounds the commands read at a stream's start.
	telnetMaxCommands = 64
	// telnetCertain commands are certain: each has 8 fixed bits, 6 of 8, and an option of 50 in 256, together 16 bits.
	telnetCertain = 3
)

func inspectTelnet(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	server, serverText := telnetCommands(c.ToClient(), nil)
	var o *dissect.Object
	client, _ := telnetCommands(c.ToServer(), nil)
	if server+client < telnetCertain && (server == 0 || client == 0) {
		if server+client == 0 && len(c.First()) >= 3 {
			return dissect.No
		}
		return dissect.NeedMore
	}
	o = r.Object("telnet")
	telnetCommands(c.ToServer(), o)
	if bytes.Contains(serverText, []byte("assword")) {
		r.Risk(record.RiskCleartextCredentials)
		return dissect.Yes
	}
	return dissect.YesMore
}

// telnetCommands counts the commands at the start of b, writes the terminal type into o if that is not nil, and returns
// the bytes after the first command.
func telnetCommands(b []byte, o *dissect.Object) (n int, rest []byte) {
	rest = b
	for n < telnetMaxCommands && len(b) >= 3 && b[0] == telnetIAC {
		switch command, option := b[1], b[2]; {
		case command >= telnetWill && command <= telnetDont && option <= telnetMaxOption:
			b = b[3:]
		case command == telnetSB && option <= telnetMaxOption:
			end := bytes.Index(b, []byte{telnetIAC, telnetSE})
			if end < 0 {
				return n, rest
			}
			const terminalType, is = 24, 0 // RFC 1091
			if o != nil && option == terminalType && end > 4 && b[3] == is {
				o.Text("terminal", b[4:end])
				o = nil
			}
			b = b[end+2:]
		default:
			return n, rest
		}
		n++
	}
	return n, rest
}
