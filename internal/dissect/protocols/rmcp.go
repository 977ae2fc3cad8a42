// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// rmcp: RMCP (DMTF DSP0136 §3.2.2) with ASF or IPMI messages (IPMI 2.0 §13.1, §13.6).
var rmcpProtocol = &dissect.Protocol{
	Name: "rmcp", Spec: "DSP0136 §3.2.2; IPMI 2.0 §13.6", Category: "remote-access",
	Members: []string{"rmcp.class"},
	Over:    dissect.UDP, Ports: []uint16{623, 664}, Start: dissect.BytesOf(6), MinLength: 4, Inspect: inspectRMCP,
}

// inspectRMCP writes the datagrams' class: IPMI if any is, because a console finds its host with an ASF ping first.
func inspectRMCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	class := dissect.No
	for i := range c.Datagrams {
		switch v, ipmi := rmcpClass(c, &c.Datagrams[i]); {
		case v == dissect.No:
		case ipmi:
			r.Object("rmcp").String("class", "ipmi")
			return dissect.Yes
		default:
			class = v
		}
	}
	switch class {
	case dissect.YesMore:
		r.Object("rmcp").String("class", "asf")
	case dissect.Yes: // an acknowledgment
		return dissect.YesMore
	}
	return class
}

// rmcpClass checks a datagram: YesMore for ASF, Yes for IPMI and for acknowledgments. Later versions may set the
// reserved byte.
func rmcpClass(c *dissect.Conversation, d *dissect.Datagram) (v dissect.Verdict, ipmi bool) {
	const header, version, asf, classASF, classIPMI = 4, 6, 4542, 6, 7
	b := d.Payload
	if len(b) < header || b[0] != version {
		return dissect.No, false
	}
	body, room := b[header:], d.Length-header
	switch b[3] {
	case classASF: // enterprise number, type, tag, reserved, length
		if len(body) < 8 || be32(body) != asf || int(body[7]) != room-8 {
			return dissect.No, false
		}
		return dissect.YesMore, false
	case classIPMI:
		return verdictIf(isIPMI(body, room)), true
	case classASF | 0x80, classIPMI | 0x80: // an acknowledgment has no data
		return verdictIf(room == 0 && b[1] == 0 && c.HasPort(623)), false
	}
	return dissect.No, false
}

// isIPMI checks a session header and its message length: version 1.5, with an authentication code unless the type is
// none, and version 2.0, whose type is 6. Messages of version 1.5 are cleartext, so isIPMI checks them too.
func isIPMI(b []byte, room int) bool {
	const none, rmcpPlus = 0, 6
	if len(b) < 10 {
		return false
	}
	switch b[0] {
	case none:
		return isIPMIMessage(b[9:], room-10)
	case 1, 2, 4, 5:
		return len(b) >= 26 && isIPMIMessage(b[25:], room-26)
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

// isIPMIMessage checks a message after its length (IPMI 2.0 §13.8): the responder's address, which is not 0, function
// and checksum of the two, then at least four more bytes. room is the space for it; a legacy pad byte may follow.
func isIPMIMessage(b []byte, room int) bool {
	const least = 7
	length := int(b[0])
	fits := length >= least && (length == room || length == room-1)
	return fits && len(b) >= 4 && b[1] != 0 && b[1]+b[2]+b[3] == 0
}
