// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// smpp: Short Message Peer-to-Peer, by headers with fitting lengths and defined commands.
var smppProtocol = &dissect.Protocol{
	Name:      "smpp",
	Spec:      "SMPP 3.4 §3.2, §4.1, §5.1.2",
	Category:  "messaging",
	Over:      dissect.TCP,
	Ports:     []uint16{2775},
	Start:     dissect.BytesOf(0),
	MinLength: smppHeader,
	Members:   []string{"smpp.command", "smpp.system_id"},
	Inspect:   inspectSMPP,
}

const (
	smppHeader   = 16 // length, command, status, sequence number
	smppMaximum  = 1 << 16
	smppResponse = 0x80 // in the command's highest byte
)

func inspectSMPP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) < smppHeader {
			continue
		}
		n, rest, ok := countMessages(b, smppLength)
		if !ok {
			return dissect.No
		}
		if n == 0 || rest > 0 {
			continue // the lengths must match the payload
		}
		command := be16(b[6:])
		o := r.Object("smpp")
		o.Int("command", int64(command))
		if bind := command == 1 || command == 2 || command == 9; bind && b[4] == 0 {
			system, rest, ok := cutZero(b[smppHeader:be32(b)])
			if !ok || !isPrintable(system) {
				return dissect.No
			}
			o.Text("system_id", system)
			if password, _, _ := cutZero(rest); len(password) > 0 {
				r.Risk(record.RiskCleartextCredentials)
			}
		}
		return dissect.Yes
	}
	return dissect.NeedMore
}

// smppLength returns the length of a message, for countMessages.
func smppLength(b []byte) int {
	if len(b) < smppHeader {
		return 0
	}
	length := be32(b)
	if length < smppHeader || length > smppMaximum || b[4] != 0 && b[4] != smppResponse || b[5] != 0 ||
		b[4] == 0 && be32(b[8:]) != 0 || be32(b[8:]) > 0xffff || be32(b[8:]) < 0 || b[12] >= 0x80 && b[7] != 0 {
		// Sequence numbers end at 7fffffff
		return -1
	}
	switch command := be16(b[6:]); command {
	case 0: // generic_nack, a response only (§4.3.1)
		if b[4] != smppResponse || length != smppHeader {
			return -1
		}
		return length
	case 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0b, 0x15, 0x21, 0x102, 0x103, 0x111, 0x112, 0x113:
		if be32(b[12:]) <= 0 || (command == 6 || command == 0x15) && length != smppHeader {
			return -1
		}
		return length
	}
	return -1
}
