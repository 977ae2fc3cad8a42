// SPDX-License-Identifier: Apache-2.0

package dissect

// DCE/RPC over TCP, connection-oriented, version 5 (C706 chapter 12, [MS-RPCE] §2.2.2), and over UDP, connectionless,
// version 4 (C706 §12.5). PROFINET IO is connectionless DCE/RPC with interfaces of its own (IEC 61158-6-10).
var _ = register(Protocol{
	Name:      "dcerpc",
	Also:      []string{"profinet-io"},
	Spec:      "C706 §12; [MS-RPCE] §2.2.2",
	Category:  "rpc",
	Over:      TCP,
	Ports:     []uint16{135, 593},
	Start:     Of(5),
	MinLength: dceHeader,
	Inspect:   inspectDCE,
})

var _ = register(Protocol{
	Name:      "dcerpc",
	Also:      []string{"profinet-io"},
	Spec:      "C706 §12.5; IEC 61158-6-10",
	Category:  "rpc",
	Over:      UDP,
	Ports:     []uint16{135, 34964},
	Start:     Of(4),
	MinLength: dceDatagramHeader,
	Inspect:   inspectDCEDatagram,
})

const (
	dceHeader         = 16
	dceDatagramHeader = 80
	// dceDatagramsOnly is the set of packet types that connections don't have: ping, and working to cancel_ack.
	dceDatagramsOnly = 1<<1 | 0x7f<<4
)

func inspectDCE(c *Conversation, r *Result) Verdict {
	const bind, alterContext, rts, lastType, firstFragment = 11, 14, 20, 20, 1
	b := c.First()
	if len(b) < dceHeader {
		return NeedMore
	}
	kind := b[2]
	if b[0] != 5 || b[1] > 1 || kind > lastType || dceDatagramsOnly>>kind&1 != 0 || !dceFormat(b[4:]) || b[7] != 0 {
		return No
	}
	number := le16
	if b[4]>>4 == 0 {
		number = be16
	}
	length, auth := number(b[8:]), number(b[10:])
	if length < dceHeader || auth+dceHeader > length || !c.Midstream && (kind != bind && kind != rts || b[3]&firstFragment == 0) {
		return No // a connection begins with a bind, or, within HTTP, with control messages
	}
	whole, rest, ok := countMessages(b, dceLength)
	if !ok {
		return No
	}
	if kind != bind && rest > 0 && whole < 2 {
		return NeedMore // what is not a connection's start must be as long as it says
	}
	if kind == rts && (b[4] != 0x10 || length < dceHeader+4 || auth != 0 || b[3] != firstFragment|2 || be32(b[12:]) != 0) {
		return No // [MS-RPCH] §2.2.3.6
	}
	o := r.Object("dcerpc")
	o.Int("version", 5)
	o.String("type", dceTypes[kind])
	if kind != bind && kind != alterContext {
		return Yes
	}
	const context = dceHeader + 8 + 4 // after fragment sizes, group, and the number of contexts
	if length < context+44 || len(b) < context+20 && c.Last {
		return No
	}
	if len(b) < context+20 {
		return NeedMore
	}
	if b[context-4] == 0 || b[context+2] == 0 { // no context, or no transfer syntax in it
		return No
	}
	return verdictIf(dceInterface(o, r, b[context+4:context+20], b[4]>>4 != 0))
}

// dceLength is for countMessages.
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

// dceFormat checks the data representation: byte order and character set, kind of float, reserved (C706 §14.2).
func dceFormat(b []byte) bool { return b[0]&^0x11 == 0 && b[1] <= 3 && b[2] == 0 }

// dceTypes are the names of the packet types, C706 §12.1.
var dceTypes = [21]string{
	"request", "ping", "response", "fault", "working", "nocall", "reject", "ack", "cl_cancel", "fack", "cancel_ack",
	"bind", "bind_ack", "bind_nak", "alter_context", "alter_context_resp", "auth3", "shutdown", "co_cancel", "orphaned",
	"rts",
}

func inspectDCEDatagram(c *Conversation, r *Result) Verdict {
	const lastType = 10 // cancel_ack
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < dceDatagramHeader || b[0] != 4 || b[1] > lastType || !dceFormat(b[4:]) || b[2]&0x81 != 0 || b[3]&^2 != 0 {
		return No
	}
	little := b[4]>>4 != 0
	number := le16
	if !little {
		number = be16
	}
	if length := number(b[74:]); length > d.Length-dceDatagramHeader || b[78] != 0 && length == d.Length-dceDatagramHeader {
		return No // an authenticated packet has more after the body
	} else if b[78] == 0 && length != d.Length-dceDatagramHeader {
		return No
	}
	o := r.Object("dcerpc")
	o.Int("version", 4)
	o.String("type", dceTypes[b[1]])
	return verdictIf(dceInterface(o, r, b[24:40], little))
}

// dceInterface writes an interface's UUID, which must be of the variant with 10 or 110 in front (RFC 9562 §4.1), and
// recognises those of PROFINET: DEA0000x-6C97-11D1-8271-00A02442DF7D.
func dceInterface(o *Object, r *Result, wire []byte, little bool) bool {
	var id [16]byte
	copy(id[:], wire)
	if little {
		id[0], id[1], id[2], id[3] = id[3], id[2], id[1], id[0]
		id[4], id[5] = id[5], id[4]
		id[6], id[7] = id[7], id[6]
	}
	var text [36]byte
	o.Text("interface", appendUUID(text[:0], &id))
	if hasPrefix(id[:], "\xde\xa0\x00") && string(id[4:]) == "\x6c\x97\x11\xd1\x82\x71\x00\xa0\x24\x42\xdf\x7d" {
		r.SetProtocol("profinet-io")
	}
	return id[8] >= 0x80 && id[8] < 0xe0
}

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
