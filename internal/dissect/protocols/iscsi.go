// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// iscsi: the login phase (RFC 7143 §11.12, §11.13), whose data is key=value texts.
var iscsiProtocol = &dissect.Protocol{
	Name:      "iscsi",
	Spec:      "RFC 7143 §11.2, §11.12, §11.13, §13",
	Category:  "storage",
	Over:      dissect.TCP,
	Ports:     []uint16{860, 3260},
	Start:     dissect.BytesOf(iscsiLogin, iscsiLogin&^0x40, iscsiLoginAnswer),
	MinLength: iscsiHeader,
	Members:   []string{"iscsi.initiator", "iscsi.target"},
	Inspect:   inspectISCSI,
}

const (
	iscsiHeader      = 48 // basic header segment
	iscsiLogin       = 0x43
	iscsiLoginAnswer = 0x23
)

func inspectISCSI(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if isISCSIMidflow(c.ToServer(), c.ToClient()) || isISCSIMidflow(c.ToClient(), c.ToServer()) {
		return dissect.Yes
	}
	if c.Midstream && couldBeISCSI(c.ToServer()) && couldBeISCSI(c.ToClient()) &&
		min(len(c.ToServer()), len(c.ToClient())) < iscsiHeader {
		return dissect.NeedMore
	}
	request, asked := iscsiText(c.ToServer(), iscsiLogin)
	reply, answered := iscsiText(c.ToClient(), iscsiLoginAnswer)
	if !asked || !answered {
		return dissect.No
	}
	if request == nil && reply == nil {
		return dissect.NeedMore
	}
	o := r.Object("iscsi")
	o.Text("initiator", iscsiValue(request, "InitiatorName="))
	o.Text("target", iscsiValue(request, "TargetName="))
	return dissect.Yes
}

// Messages of a session that began before the capture: a command or a ping, and its answer (§11.3, §11.4, §11.7,
// §11.18, §11.19).
const (
	iscsiNopOut  = 0x00
	iscsiCommand = 0x01
	iscsiNopIn   = 0x20
	iscsiReply   = 0x21
	iscsiDataIn  = 0x25
)

// isISCSIMidflow wants the request's task tag in the reply, and the next expected command number at most a window after
// the request's. The bit for immediate delivery may be set.
func isISCSIMidflow(request, reply []byte) bool {
	const immediate, tag, command, expected, window = 0x40, 16, 24, 28, 4096
	if len(request) < iscsiHeader || len(reply) < iscsiHeader {
		return false
	}
	asked, answered := request[0]&^immediate, reply[0]
	if asked != iscsiCommand && asked != iscsiNopOut || (asked == iscsiNopOut) != (answered == iscsiNopIn) ||
		answered != iscsiNopIn && answered != iscsiReply && answered != iscsiDataIn {
		return false
	}
	next := ube32(reply[expected:]) - ube32(request[command:])
	return string(request[tag:tag+4]) == string(reply[tag:tag+4]) && ube32(request[tag:]) != 0xffffffff &&
		ube32(request[command:]) != 0 && next <= window
}

// couldBeISCSI reports whether b is or can become a command, a ping, or the answer to one.
func couldBeISCSI(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	switch b[0] &^ 0x40 {
	case iscsiNopOut, iscsiCommand, iscsiNopIn, iscsiReply, iscsiDataIn:
		return true
	}
	return false
}

// iscsiText returns the texts of the login message at the start of b; nil if they are incomplete. ok is false if b is
// no login message.
func iscsiText(b []byte, opcode byte) (text []byte, ok bool) {
	if len(b) < iscsiHeader {
		return nil, len(b) == 0 || b[0]&^0x40 == opcode&^0x40
	}
	size := int(b[5])<<16 | be16(b[6:])
	if b[0]&^0x40 != opcode&^0x40 || b[3] != 0 || b[4] != 0 || size > 8192 { // versions 0, no further header (§11.12.4)
		return nil, false
	}
	if len(b) < iscsiHeader+size {
		return nil, true
	}
	text = b[iscsiHeader : iscsiHeader+size]
	key, _, pair := bytes.Cut(text, []byte{'='})
	if !pair || len(key) < 4 || len(key) > 63 || !isPrintable(key) { // §6.1: a key has at most 63 bytes
		return nil, false
	}
	return text, text[len(text)-1] == 0
}

// iscsiValue returns the value of key, which ends in "=", from texts that each end in a zero byte.
func iscsiValue(text []byte, key string) []byte {
	for len(text) > 0 {
		pair, rest, _ := bytes.Cut(text, []byte{0})
		if value, ok := bytes.CutPrefix(pair, []byte(key)); ok {
			return value
		}
		text = rest
	}
	return nil
}
