// SPDX-License-Identifier: Apache-2.0

package dissect

// RMCP (DMTF DSP0136 §3.2.2) with ASF or IPMI messages (IPMI 2.0 §13.1, §13.6).
var _ = register(Protocol{
	Name: "rmcp", Spec: "DSP0136 §3.2.2; IPMI 2.0 §13.6", Category: "remote-access",
	Over: UDP, Ports: []uint16{623, 664}, Start: Of(6), MinLength: 4, Inspect: inspectRMCP,
})

func inspectRMCP(c *Conversation, r *Result) Verdict {
	const header, version, classASF, classIPMI = 4, 6, 6, 7
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < header || b[0] != version || b[1] != 0 {
		return No
	}
	o := r.Object("rmcp")
	body, room := b[header:], d.Length-header
	switch b[3] {
	case classASF:
		// Enterprise number 4542 (ASF), type, tag, reserved, length.
		if len(body) < 8 || be32(body) != 4542 || body[6] != 0 || int(body[7]) != room-8 {
			return No
		}
		o.String("class", "asf")
		return Yes
	case classIPMI:
		o.String("class", "ipmi")
		return verdictIf(isIPMI(body, room))
	case classASF | 0x80, classIPMI | 0x80: // an acknowledgment has no data
		return verdictIf(room == 0 && c.HasPort(623))
	}
	return No
}

// isIPMI checks a session header and the message's length in it: version 1.5, with an authentication code unless the
// type is none, and version 2.0, whose type is 6.
func isIPMI(b []byte, room int) bool {
	const none, rmcpPlus = 0, 6
	if len(b) < 10 {
		return false
	}
	switch b[0] {
	case none:
		return int(b[9]) == room-10 || int(b[9]) == room-11 // a legacy pad byte
	case 1, 2, 4, 5:
		return len(b) >= 26 && (int(b[25]) == room-26 || int(b[25]) == room-27)
	case rmcpPlus:
		payload := b[1] & 0x3f
		at := 10
		if payload == 2 { // OEM: enterprise number and identifier
			at += 6
		}
		if len(b) < at+2 || payload > 3 && payload < 0x10 || payload > 0x15 && payload < 0x20 {
			return false
		}
		length := le16(b[at:])
		return at+2+length == room || b[1]&0x40 != 0 && at+2+length < room // authenticated: a trailer follows
	}
	return false
}
