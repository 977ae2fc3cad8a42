// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// rdp: the connection request and confirm in X.224 and TPKT (MS-RDPBCGR §2.2.1.1, §2.2.1.2) over TCP, and the SYN of
// the UDP transport (MS-RDPEUDP §2.2.2.1).
var rdpProtocol = &dissect.Protocol{
	Name:      "rdp",
	Spec:      "MS-RDPBCGR §2.2.1.1-§2.2.1.3; MS-RDPEUDP §2.2.2; RFC 1006 §6",
	Category:  "remote-access",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{3389},
	Start:     dissect.BytesOf(3, 0xff),
	MinLength: 7,
	Extra:     10, // a certificate
	Members:   []string{"rdp.requested_protocols", "rdp.selected_protocol", "rdp.user", "tls.*"},
	Inspect:   inspectRDP,
}

const (
	rdpTPKT            = 4  // version 3, reserved 0, length of the packet
	rdpX224            = 11 // TPKT, then the X.224 header of a connection request: length, code, two references, class
	rdpRequest         = 0xe0
	rdpConfirm         = 0xd0
	rdpNegotiationSize = 8 // type, flags, length (8), protocols, little endian
)

func inspectRDP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	if c.Transport == dissect.UDP {
		return rdpDatagram(c)
	}
	toServer, toClient := c.ToServer(), c.ToClient()
	if len(toServer) > 5 && toServer[5] == rdpConfirm {
		toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
	}
	request, afterRequest, asked := rdpPacket(toServer, rdpRequest)
	confirm, afterConfirm, confirmed := rdpPacket(toClient, rdpConfirm)
	if !asked || !confirmed {
		return dissect.No
	}
	cookie, _, hasCookie := bytes.Cut(request, []byte("\r\n"))
	hasCookie = hasCookie && hasPrefix(cookie, "Cookie: ")
	offer := rdpNegotiation(request, 1)
	answer := rdpNegotiation(confirm, 2)
	if offer == nil && answer == nil && !hasCookie && !bytes.Contains(afterRequest[:min(len(afterRequest), 512)],
		[]byte("Duca")) {
		if len(request) > 0 {
			return dissect.No // other users of X.224 have other parameters
		}
		// A client from before 2001 identifies itself in its GCC request: "Duca", MS-RDPBCGR §4.1.3.
		return dissect.NeedMore
	}
	o := r.Object("rdp")
	if user, ok := bytes.CutPrefix(cookie, []byte("Cookie: mstshash=")); ok && hasCookie {
		o.Text("user", user)
	}
	if offer != nil {
		o.Int("requested_protocols", int64(le32(offer[4:])))
	}
	if confirm == nil {
		return dissect.YesMore
	}
	if answer == nil || le32(answer[4:]) == 0 {
		return dissect.Yes // RDP's own security, or a refusal
	}
	o.Int("selected_protocol", int64(le32(answer[4:])))
	return insideTLS(afterRequest, afterConfirm, r)
}

// rdpPacket reads the X.224 packet at the start of a direction: it returns the bytes after its fixed part, and the
// bytes after the packet. Both are nil if the packet is incomplete; ok is false if it is another packet.
func rdpPacket(b []byte, code byte) (variable, rest []byte, ok bool) {
	const longest = 512
	if len(b) < rdpX224 {
		return nil, nil, len(b) == 0 || couldBe(b, "\x03\x00")
	}
	length := be16(b[2:])
	if b[0] != 3 || b[1] != 0 || length < rdpX224 || length > longest || int(b[4]) != length-rdpTPKT-1 ||
		b[5] != code || b[10] != 0 ||
		code == rdpRequest && be16(b[6:]) != 0 {
		return nil, nil, false
	}
	if len(b) < length {
		return nil, nil, true
	}
	return b[rdpX224:length], b[length:], true
}

// rdpNegotiation returns the negotiation structure of type kind (3 refuses a 2) in b, nil if absent. A cookie or
// routing token may precede a request's.
func rdpNegotiation(b []byte, kind byte) []byte {
	const request, refusal = 1, 3
	if _, after, ok := bytes.Cut(b, []byte("\r\n")); ok && kind == request {
		b = after
	}
	if len(b) < rdpNegotiationSize || b[2] != rdpNegotiationSize || b[3] != 0 || b[0] != kind &&
		(kind == request || b[0] != refusal) {
		return nil
	}
	return b[:rdpNegotiationSize]
}

// rdpDatagram recognises the SYN: source acknowledgement -1, window, flags, then sequence number and two MTUs of 1,132
// to 1,232 bytes, padded to the MTU (MS-RDPEUDP §2.2.2.1, §2.2.2.5, §3.1.5.1.1).
func rdpDatagram(c *dissect.Conversation) dissect.Verdict {
	const syn, known, least, most = 0x0001, 0x0001 | 0x0004 | 0x0200 | 0x0400 | 0x1000, 1132, 1232
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < 16 || d.Length < least || d.Length > most {
		return dissect.No
	}
	up, down, flags := be16(b[12:]), be16(b[14:]), be16(b[6:])
	if ube32(b) != 0xffffffff || flags&syn == 0 || flags&^known != 0 || up < least || up > most || down < least ||
		down > most {
		return dissect.No
	}
	return dissect.Yes
}
