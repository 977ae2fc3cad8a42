// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// pfcp: Packet Forwarding Control Protocol, between the control and the user plane of mobile core networks.
var pfcpProtocol = &dissect.Protocol{
	Name: "pfcp", Spec: "3GPP TS 29.244 §7.2", Category: "network",
	Over: dissect.UDP, Ports: []uint16{8805}, Start: dissect.ByteRange(0x20, 0x3f), MinLength: 16,
	Members: []string{"pfcp.message_type"},
	Inspect: inspectPFCP,
}

// maxPFCPElements bounds the elements walked in one message: a session's rules come in a few dozen groups.
const maxPFCPElements = 256

func inspectPFCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const followed, priority, session, header = 0x04, 0x02, 0x01, 4
	const firstSession, lastNode = 50, 20
	d := c.Newest()
	b := d.Payload
	if len(b) < 16 || b[0]>>5 != 1 || b[0]&followed == 0 && be16(b[2:]) != d.Length-header ||
		header+be16(b[2:]) > d.Length {
		return dissect.No
	}
	at, end, kind := header+4, header+be16(b[2:]), b[1]
	switch {
	case b[0]&session != 0 && kind >= firstSession && kind < firstSession+8:
		at += 8
	case b[0]&session == 0 && kind >= 1 && kind <= lastNode:
	default:
		return dissect.No
	}
	// Only session messages have a priority; another message of the same version follows a "followed" one. Receivers
	// ignore spare bits.
	if b[0]&(priority|session) == priority || b[0]&followed != 0 && (end+header >= d.Length || end < len(b) &&
		b[end]>>5 != 1) {
		return dissect.No
	}
	elements := 0
	for ; elements < maxPFCPElements && at < end; elements++ {
		if at+4 > len(b) {
			break // the capture cut it
		}
		if be16(b[at:]) == 0 {
			return dissect.No
		}
		at += 4 + be16(b[at+2:])
	}
	if at > end || elements == 0 || at != end && d.Length == len(b) {
		return dissect.No
	}
	r.Object("pfcp").Int("message_type", int64(kind))
	return dissect.Yes
}
