// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/ber"
)

// kerberos: version 5 (RFC 4120 §5) over UDP, and over TCP after four bytes of length (§7.2.2), with the password
// change protocol (RFC 3244).
var kerberosProtocol = &dissect.Protocol{
	Name:     "kerberos",
	Spec:     "RFC 4120 §5, §7.2; RFC 3244 §2",
	Category: "authentication",
	Over:     dissect.TCP | dissect.UDP,
	Ports:    []uint16{88, 464},
	// Over TCP the length comes first
	Start:     dissect.BytesOf(0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x7e).Or(dissect.BytesOf(0)),
	MinLength: 16,
	Heuristic: true,
	Members: []string{"kerberos.client", "kerberos.error_code", "kerberos.message", "kerberos.realm",
		"kerberos.server"},
	Inspect: inspectKerberos,
}

// maxKerberosTCP exceeds any ticket's need; it leaves the first byte of the length 0.
const maxKerberosTCP = 1 << 20

func inspectKerberos(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	return eitherStream(c, r, inspectKerberosSide)
}

func inspectKerberosSide(c *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	const passwordHeader = 6
	if c.Transport == dissect.TCP {
		if len(b) < 4 {
			return dissect.NeedMore
		}
		if length := be32(b); length > maxKerberosTCP || length < 16 {
			return dissect.No
		}
		b = b[4:]
	}
	if c.HasPort(464) && len(b) > passwordHeader && (be16(b[2:]) == 1 || be16(b[2:]) == 0xff80) &&
		be16(b[4:]) < be16(b) {
		return kerberosPassword(c, b, r)
	}
	kind, fields, whole, ok := kerberosMessage(b)
	if !ok {
		if len(b) < 24 && c.Transport == dissect.TCP && !c.Last {
			return dissect.NeedMore
		}
		return dissect.No
	}
	if !whole && c.Transport == dissect.TCP && !c.Last && len(b) < 4096 {
		return dissect.NeedMore
	}
	o := r.Object("kerberos")
	o.String("message", kind)
	kerberosFields(o, kind, fields)
	return dissect.Yes
}

// kerberosPassword checks a password change: message length, protocol version, and the length of the AP-REQ, whose
// start must be valid.
func kerberosPassword(c *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	length := be16(b)
	if c.Transport == dissect.UDP && length != c.Datagrams[0].Length || be16(b[4:]) == 0 || b[6]&^1 != 0x6e &&
		b[6] != 0x7e {
		return dissect.No
	}
	r.Object("kerberos").String("message", "password-change")
	return dissect.Yes
}

// kerberosMessage reads an application tag with a sequence inside, whose first two elements are the version, 5, and the
// type, equal to the tag's number (RFC 4120 §5.10). They are elements 1 and 2 in a request to the KDC, 0 and 1 in all
// other messages.
func kerberosMessage(b []byte) (kind string, fields []byte, whole, ok bool) {
	if len(b) == 0 {
		return "", nil, false, false
	}
	kind = kerberosType(b[0])
	body, whole, ok := ber.Enter(b, b[0])
	if kind == "" || !ok {
		return "", nil, false, false
	}
	fields, _, ok = ber.Enter(body, ber.Sequence)
	if !ok {
		return "", nil, false, false
	}
	first := byte(0xa0)
	if kind == "as-req" || kind == "tgs-req" {
		first = 0xa1
	}
	version, rest, ok1 := ber.Expect(fields, first)
	messageType, _, ok2 := ber.Expect(rest, first+1)
	v, _, ok3 := ber.ExpectInt(version)
	n, _, ok4 := ber.ExpectInt(messageType)
	return kind, fields, whole, ok1 && ok2 && ok3 && ok4 && v == 5 && n == int64(b[0]&0x1f)
}

// kerberosType returns a message's name by its application tag, RFC 4120 §5.10.
func kerberosType(tag byte) string {
	switch tag {
	case 0x6a:
		return "as-req"
	case 0x6b:
		return "as-rep"
	case 0x6c:
		return "tgs-req"
	case 0x6d:
		return "tgs-rep"
	case 0x6e:
		return "ap-req"
	case 0x6f:
		return "ap-rep"
	case 0x7e:
		return "krb-error"
	}
	return ""
}

// kerberosFields writes realm and principals. Requests have them in the body, element 4; replies in elements 3 and 4;
// errors in 7 to 10 (RFC 4120 §5.4.1, §5.4.2, §5.9.1).
func kerberosFields(o *dissect.Object, kind string, fields []byte) {
	realm, client, server, code := byte(0xa3), byte(0xa4), byte(0), byte(0)
	switch kind {
	case "as-req", "tgs-req":
		body, ok := kerberosField(fields, 0xa4)
		if !ok {
			return
		}
		fields, _, _ = ber.Enter(body, ber.Sequence)
		realm, client, server = 0xa2, 0xa1, 0xa3
	case "krb-error":
		realm, client, server, code = 0xa9, 0xa8, 0xaa, 0xa6
	case "ap-req", "ap-rep":
		return
	}
	if value, ok := kerberosField(fields, realm); ok {
		if text, _, ok := ber.Expect(value, ber.GeneralString); ok {
			o.Text("realm", text)
		}
	}
	kerberosPrincipal(o, "client", fields, client)
	kerberosPrincipal(o, "server", fields, server)
	if value, ok := kerberosField(fields, code); ok && code != 0 {
		if n, _, ok := ber.ExpectInt(value); ok {
			o.Int("error_code", n)
		}
	}
}

// kerberosField returns the element of a sequence that has tag; the last may be cut.
func kerberosField(b []byte, tag byte) ([]byte, bool) {
	for range 32 { // no message has more elements than KDC-REQ-BODY's 12 and KRB-ERROR's 13
		if len(b) > 0 && b[0] == tag {
			value, _, ok := ber.Enter(b, tag)
			return value, ok
		}
		_, _, rest, ok := ber.Next(b)
		if !ok {
			return nil, false
		}
		b = rest
	}
	return nil, false
}

// kerberosPrincipal writes a PrincipalName's components with slashes between them (RFC 4120 §5.2.2).
func kerberosPrincipal(o *dissect.Object, field string, fields []byte, tag byte) {
	value, ok := kerberosField(fields, tag)
	if !ok || tag == 0 {
		return
	}
	name, _, _ := ber.Expect(value, ber.Sequence)
	list, ok := kerberosField(name, 0xa1)
	components, _, ok2 := ber.Expect(list, ber.Sequence)
	if !ok || !ok2 {
		return
	}
	var store [dissect.MaxText]byte
	text := store[:0]
	for len(components) > 0 {
		part, rest, ok := ber.Expect(components, ber.GeneralString)
		if !ok || len(text)+len(part)+1 > cap(text) {
			break
		}
		if len(text) > 0 {
			text = append(text, '/')
		}
		text = append(text, part...)
		components = rest
	}
	o.Text(field, text)
}
