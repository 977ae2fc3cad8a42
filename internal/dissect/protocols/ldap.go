// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/ber"
)

// ldap: LDAP (RFC 4511 §4.1.1), and CLDAP, which is LDAP in datagrams ([MS-ADTS] §6.3.3).
var ldapProtocol = &dissect.Protocol{
	Name:      "ldap",
	Spec:      "RFC 4511 §4; [MS-ADTS] §6.3.3",
	Category:  "authentication",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{389, 636, 3268, 3269},
	Start:     dissect.BytesOf(ber.Sequence),
	MinLength: 7,
	Extra:     6, // for the certificate after StartTLS
	Members: []string{"ldap.base", "ldap.bind_dn", "ldap.oid", "ldap.operation", "ldap.result",
		"ldap.starttls", "tls.*"},
	Inspect: inspectLDAP,
}

const (
	ldapStartTLS = "1.3.6.1.4.1.1466.20037" // RFC 4511 §4.14.1
	// maxLDAPID is the largest message identifier, RFC 4511 §4.1.1.
	maxLDAPID = 1<<31 - 1
)

func inspectLDAP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	return eitherStream(c, r, inspectLDAPSide)
}

func inspectLDAPSide(c *dissect.Conversation, b []byte, r *dissect.Result) dissect.Verdict {
	message, whole, ok := ber.Enter(b, ber.Sequence)
	if !ok && len(b) >= 6 || len(b) > 0 && b[0] != ber.Sequence {
		return dissect.No
	}
	if !ok {
		return dissect.NeedMore
	}
	id, body, ok := ber.ExpectInt(message)
	if !ok {
		if len(message) < 6 && !whole {
			return dissect.NeedMore
		}
		return dissect.No
	}
	tag, at, length, ok := ber.Header(body)
	if !ok && !whole && len(body) < 6 {
		return dissect.NeedMore
	}
	if !ok || id < 0 || id > maxLDAPID || at+length > len(body) && whole {
		return dissect.No
	}
	operation := body[at:min(at+length, len(body))]
	o := r.Object("ldap")
	if !ldapOperation(o, tag, operation, whole) {
		if !whole && len(operation) < 64 {
			return dissect.NeedMore
		}
		return dissect.No
	}
	if c.Transport == dissect.TCP && whole && bytes.Contains(operation, []byte(ldapStartTLS)) {
		return insideTLS(ldapAfterFirst(c.ToServer()), ldapAfterFirst(c.ToClient()), r)
	}
	return dissect.Yes
}

// ldapAfterFirst returns the bytes after a stream's first message, nil if that is incomplete.
func ldapAfterFirst(b []byte) []byte {
	_, at, length, ok := ber.Header(b)
	if !ok || length > len(b)-at {
		return nil
	}
	return b[at+length:]
}

// ldapOperation checks an operation by its tag and mandatory start, RFC 4511 §4.2 to §4.12, and writes its names.
func ldapOperation(o *dissect.Object, tag byte, b []byte, whole bool) bool {
	const bindRequest, bindResponse, unbind, search, entry, done = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65
	const extended, extendedResponse, lastResponse = 0x77, 0x78, 0x6f
	switch tag {
	case bindRequest:
		version, rest, ok := ber.ExpectInt(b)
		name, rest, ok2 := ber.Expect(rest, ber.OctetString)
		if !ok || !ok2 || version < 2 || version > 3 || len(rest) == 0 || rest[0] != 0x80 && rest[0] != 0xa3 &&
			rest[0]&0xc0 != 0x80 {
			return false
		}
		o.String("operation", "bind")
		o.Text("bind_dn", name)
		return true
	case search:
		base, rest, ok := ber.Expect(b, ber.OctetString)
		scope, rest, ok2 := ber.Expect(rest, ber.Enumerated)
		alias, rest, ok3 := ber.Expect(rest, ber.Enumerated)
		_, _, ok4 := ber.ExpectInt(rest)
		if !ok || !ok2 || !ok3 || !ok4 || len(scope) != 1 || scope[0] > 3 || len(alias) != 1 || alias[0] > 3 {
			return false
		}
		o.String("operation", "search")
		o.Text("base", base)
		return true
	case unbind:
		o.String("operation", "unbind")
		return len(b) == 0 && whole
	case extended:
		name, _, ok := ber.Expect(b, 0x80)
		if !ok || len(name) < 5 || !isOIDText(name) {
			return false
		}
		o.String("operation", "extended")
		o.Text("oid", name)
		if string(name) == ldapStartTLS {
			o.Bool("starttls", true)
		}
		return true
	case entry:
		name, rest, ok := ber.Expect(b, ber.OctetString)
		o.String("operation", "search-result")
		o.Text("base", name)
		return ok && len(rest) > 0 && rest[0] == ber.Sequence && isPrintable(name[:min(len(name), 16)])
	case bindResponse, done, 0x67, 0x69, 0x6b, 0x6d, lastResponse, extendedResponse:
		code, rest, ok := ber.Expect(b, ber.Enumerated)
		_, rest, ok2 := ber.Expect(rest, ber.OctetString)
		if !ok || !ok2 || len(code) != 1 || code[0] > 123 || len(rest) < 2 && whole || len(rest) > 0 &&
			rest[0] != ber.OctetString {
			return false
		}
		o.String("operation", "result")
		o.Int("result", int64(code[0]))
		return true
	}
	return false
}

// isOIDText reports whether b consists of digits and dots.
func isOIDText(b []byte) bool {
	for _, c := range b {
		if c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
