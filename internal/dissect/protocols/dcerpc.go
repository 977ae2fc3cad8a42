// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// dcerpc: over TCP, connection-oriented, version 5 (C706 chapter 12, [MS-RPCE] §2.2.2), and over UDP, connectionless,
// version 4 (C706 §12.5). PROFINET IO is connectionless DCE/RPC with its own interfaces (IEC 61158-6-10).
var dcerpcProtocol = &dissect.Protocol{
	Name:      "dcerpc",
	Also:      []string{"profinet-io"},
	Spec:      "C706 §12; [MS-RPCE] §2.2.2",
	Category:  "rpc",
	Over:      dissect.TCP,
	Ports:     []uint16{135, 593},
	Start:     dissect.BytesOf(5),
	MinLength: dceHeader,
	Members:   []string{"dcerpc.interface", "dcerpc.type", "dcerpc.version"},
	Inspect:   inspectDCE,
}

var dcerpcDatagramProtocol = &dissect.Protocol{
	Name:      "dcerpc",
	Also:      []string{"profinet-io"},
	Spec:      "C706 §12.5; IEC 61158-6-10",
	Category:  "rpc",
	Over:      dissect.UDP,
	Ports:     []uint16{135, 34964},
	Start:     dissect.BytesOf(4),
	MinLength: dceDatagramHeader,
	Members:   []string{"dcerpc.interface", "dcerpc.type", "dcerpc.version"},
	Inspect:   inspectDCEDatagram,
}

const (
	dceHeader         = 16
	dceDatagramHeader = 80
	// dceDatagramsOnly is the set of packet types that connections lack: ping, and working to cancel_ack.
	dceDatagramsOnly = 1<<1 | 0x7f<<4
)

func inspectDCE(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const bind, alterContext, rts, lastType, firstFragment = 11, 14, 20, 20, 1
	b := c.First()
	if len(b) < dceHeader {
		return dissect.NeedMore
	}
	kind := b[2]
	if b[0] != 5 || b[1] > 1 || kind > lastType || dceDatagramsOnly>>kind&1 != 0 || !dceFormat(b[4:]) || b[7] != 0 {
		return dissect.No
	}
	number := le16
	if b[4]>>4 == 0 {
		number = be16
	}
	length, auth := number(b[8:]), number(b[10:])
	if length < dceHeader || auth+dceHeader > length || !c.Midstream && (kind != bind && kind != rts ||
		b[3]&firstFragment == 0) {
		return dissect.No // a connection begins with a bind, or, inside HTTP, with control messages
	}
	whole, rest, ok := countMessages(b, dceLength)
	if !ok {
		return dissect.No
	}
	if kind != bind && rest > 0 && whole < 2 {
		return dissect.NeedMore // packets in mid-connection must match their length field
	}
	if kind == rts && (b[4] != 0x10 || length < dceHeader+4 || auth != 0 || b[3] != firstFragment|2 ||
		be32(b[12:]) != 0) {
		return dissect.No // [MS-RPCH] §2.2.3.6
	}
	o := r.Object("dcerpc")
	o.Int("version", 5)
	o.String("type", dceTypes[kind])
	if kind != bind && kind != alterContext {
		return dissect.Yes
	}
	const context = dceHeader + 8 + 4 // after fragment sizes, group, and the number of contexts
	const syntax = 20                 // UUID and version
	if length < context+4+2*syntax {
		return dissect.No
	}
	if len(b) < context+4+2*syntax {
		return dissect.NeedMore
	}
	// At least one context, with a transfer syntax.
	if b[context-4] == 0 || b[context+2] == 0 || !dceTransferSyntax(b[context+4+syntax:], b[4]>>4 != 0) {
		return dissect.No
	}
	dceInterface(o, r, b[context+4:context+20], b[4]>>4 != 0)
	return dissect.Yes
}

// dceTransferSyntax reports whether b begins with the UUID of NDR (C706 §14), of NDR64, or of the bind-time feature
// negotiation ([MS-RPCE] §2.2.4.12, §2.2.2.14).
func dceTransferSyntax(b []byte, little bool) bool {
	if !little {
		return hasPrefix(b, "\x8a\x88\x5d\x04\x1c\xeb\x11\xc9\x9f\xe8\x08\x00\x2b\x10\x48\x60")
	}
	return hasPrefix(b, "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60") ||
		hasPrefix(b, "\x33\x05\x71\x71\xba\xbe\x37\x49\x83\x19\xb5\xdb\xef\x9c\xcc\x36") ||
		hasPrefix(b, "\x2c\x1c\xb7\x6c\x12\x98\x40\x45")
}

// dceLength returns the length of a fragment, for countMessages.
func dceLength(b []byte) int {
	if len(b) < dceHeader {
		return 0
	}
	length := le16(b[8:])
	if b[4]>>4 == 0 {
		length = be16(b[8:])
	}
	if b[0] != 5 || b[1] > 1 || !dceFormat(b[4:]) || length < dceHeader {
		return -1
	}
	return length
}

// dceFormat checks the data representation: byte order and character set, float format, reserved (C706 §14.2).
func dceFormat(b []byte) bool { return b[0]&^0x11 == 0 && b[1] <= 3 && b[2] == 0 }

// dceTypes are the names of the packet types, C706 §12.1.
var dceTypes = [21]string{
	"request", "ping", "response", "fault", "working", "nocall", "reject", "ack", "cl_cancel", "fack", "cancel_ack",
	"bind", "bind_ack", "bind_nak", "alter_context", "alter_context_resp", "auth3", "shutdown", "co_cancel", "orphaned",
	"rts",
}

func inspectDCEDatagram(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const lastType = 10 // cancel_ack
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < dceDatagramHeader || b[0] != 4 || b[1] > lastType || !dceFormat(b[4:]) || b[2]&0x81 != 0 ||
		b[3]&^2 != 0 {
		return dissect.No
	}
	little := b[4]>>4 != 0
	number := le16
	if !little {
		number = be16
	}
	if length := number(b[74:]); length > d.Length-dceDatagramHeader || b[78] != 0 &&
		length == d.Length-dceDatagramHeader {
		return dissect.No // an authenticated packet has more after the body
	} else if b[78] == 0 && length != d.Length-dceDatagramHeader {
		return dissect.No
	}
	o := r.Object("dcerpc")
	o.Int("version", 4)
	o.String("type", dceTypes[b[1]])
	variant, profinet := dceInterface(o, r, b[24:40], little)
	return verdictIf(profinet || variant && dceVariant(b[40+8])) // the activity has a UUID too
}

// dceInterface writes an interface's UUID, and reports whether it has the variant with 10 or 110 in front (RFC 9562
// §4.1), which some of Microsoft's lack, and whether it is PROFINET's.
func dceInterface(o *dissect.Object, r *dissect.Result, wire []byte, little bool) (variant, profinet bool) {
	var id [16]byte
	copy(id[:], wire)
	if little {
		id[0], id[1], id[2], id[3] = id[3], id[2], id[1], id[0]
		id[4], id[5] = id[5], id[4]
		id[6], id[7] = id[7], id[6]
	}
	var text [36]byte
	o.Text("interface", appendUUID(text[:0], &id))
	profinet = isProfinet(&id)
	if profinet {
		r.SetProtocol("profinet-io")
	}
	return dceVariant(id[8]), profinet
}

func dceVariant(b byte) bool { return b >= 0x80 && b < 0xe0 }

// appendUUID appends the text form of RFC 9562 §4.
func appendUUID(dst []byte, id *[16]byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}
