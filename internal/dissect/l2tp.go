// SPDX-License-Identifier: Apache-2.0

package dissect

// L2TP's control messages over UDP, versions 2 and 3. What data messages carry is decoded as a tunnel.
var _ = register(Protocol{
	Name: "l2tp", Spec: "RFC 2661 §3.1, §4.1; RFC 3931 §3.2.1, §4.1.2", Category: "vpn",
	Over: UDP, Ports: []uint16{1701}, Start: Of(0xc8, 0xcc, 0xd8, 0xdc, 0xe8, 0xec, 0xf8, 0xfc), MinLength: l2tpHeader,
	Inspect: inspectL2TP,
})

const (
	// l2tpHeader is the length of a control message's header: flags and version, length, connection (in version 2 tunnel and
	// session), and the sequence numbers sent and expected.
	l2tpHeader = 12
	// l2tpAVP is the length of the header of an attribute-value pair: flags and length, vendor, attribute.
	l2tpAVP = 6
	// maxL2TPAVPs bounds the pairs that are walked; a request to start a connection has about ten.
	maxL2TPAVPs = 64
)

func inspectL2TP(c *Conversation, r *Result) Verdict {
	// Type, length and sequence are present, offset and priority aren't; all else is reserved, to be ignored (RFC 2661 §3.1).
	const control, flags, versions = 0xc800, 0xcb00, 0x000f
	d := c.Newest()
	b := d.Payload
	if len(b) < l2tpHeader || be16(b)&flags != control || be16(b[2:]) < l2tpHeader || be16(b[2:]) > d.Length {
		return No
	}
	version, length := be16(b)&versions, be16(b[2:])
	if version != 2 && version != 3 {
		return No
	}
	if length == l2tpHeader {
		if len(c.Datagrams) < 2 || be32(b[4:]) == 0 || d.Length != length {
			return NeedMore // an acknowledgement: little is fixed in it
		}
		for i := range c.Datagrams {
			if e := &c.Datagrams[i]; e.FromClient != d.FromClient && len(e.Payload) >= l2tpHeader && be16(e.Payload) == be16(b) {
				return Yes
			}
		}
		return NeedMore
	}
	o := r.Object("l2tp")
	o.Int("version", int64(version))
	if !l2tpAVPs(b, length, o) {
		return No
	}
	return Yes
}

// l2tpAVPs walks the pairs, of which the first is the message type (RFC 2661 §4.4.1), and says whether they fill the message.
func l2tpAVPs(b []byte, length int, o *Object) bool {
	const reserved, hidden, lengthBits, lastType = 0x3c00, 0x4000, 0x03ff, 29
	const hostName, vendorName = 7, 8
	at := l2tpHeader
	for n := 0; n < maxL2TPAVPs && at < length; n++ {
		if at+l2tpAVP > len(b) {
			return n > 0 && len(b) < length
		}
		flags, size := be16(b[at:]), be16(b[at:])&lengthBits
		if size < l2tpAVP || at+size > length {
			return false
		}
		vendor, attribute := be16(b[at+2:]), be16(b[at+4:])
		if n == 0 && (flags&hidden != 0 || size != l2tpAVP+2 || vendor != 0 || attribute != 0 || flags&reserved != 0) {
			return false
		}
		value := b[at+l2tpAVP : max(at+l2tpAVP, min(at+size, len(b)))]
		switch {
		case flags&reserved != 0: // an attribute that nobody knows (§4.1)
		case n == 0 && len(value) == 2:
			if be16(value) == 0 || be16(value) > lastType {
				return false
			}
			o.Int("message_type", int64(be16(value)))
		case vendor == 0 && flags&hidden == 0 && attribute == hostName:
			o.Text("host", value)
		case vendor == 0 && flags&hidden == 0 && attribute == vendorName:
			o.Text("vendor", value)
		}
		at += size
	}
	return at >= length
}
