// SPDX-License-Identifier: Apache-2.0

// Package x509 reads a certificate's names, validity and key type. It does not verify: it reads bad certificates as far
// as possible.
//
// Loops over the certificate's structure (RFC 5280 §4.1) replace recursion. Parsing allocates nothing and reads each
// byte a fixed number of times.
package x509

import (
	"bytes"
	"time"
)

// MaxNames bounds the alternative names kept; some certificates have hundreds.
const MaxNames = 16

// KeyType is the kind of the subject's public key.
type KeyType uint8

// Key types.
const (
	KeyUnknown KeyType = iota
	KeyRSA
	KeyEC
	KeyEd25519
	KeyEd448
	KeyDSA
)

// String returns the type's name in lower case, "" for unknown types.
func (k KeyType) String() string { return [...]string{"", "rsa", "ec", "ed25519", "ed448", "dsa"}[k] }

// Name holds parts of a distinguished name (RFC 5280 §4.1.2.4) in wire form: the last of each kind.
type Name struct {
	CommonName, Organization []byte
}

// Certificate is the result of Parse. Its slices are views of Parse's input.
type Certificate struct {
	Subject, Issuer Name
	// SelfIssued: issuer and subject have the same bytes and are not empty, as in self-signed certificates.
	SelfIssued bool
	// NotBefore and NotAfter are in UTC; zero if unreadable.
	NotBefore, NotAfter time.Time
	// Key is the type of the public key.
	Key KeyType

	names  [MaxNames][]byte
	nNames int
}

// DNSNames returns the non-empty alternative names of type dNSName (RFC 5280 §4.2.1.6), at most MaxNames.
func (c *Certificate) DNSNames() [][]byte { return c.names[:c.nNames] }

// DER tags (X.690 §8) in certificates.
const (
	tagBoolean         = 0x01
	tagOID             = 0x06
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagSequence        = 0x30
	tagSet             = 0x31
	tagVersion         = 0xa0 // [0] of TBSCertificate
	tagExtensions      = 0xa3 // [3]
	tagDNSName         = 0x82 // [2] of GeneralName
	tagOctetString     = 0x04
)

// Object identifiers, in DER without tag and length.
const (
	oidCommonName   = "\x55\x04\x03"
	oidOrganization = "\x55\x04\x0a"
	oidAltName      = "\x55\x1d\x11"
	oidRSA          = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
	oidRSAPSS       = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
	oidEC           = "\x2a\x86\x48\xce\x3d\x02\x01"
	oidDSA          = "\x2a\x86\x48\xce\x38\x04\x01"
	oidEd25519      = "\x2b\x65\x70"
	oidEd448        = "\x2b\x65\x71"
)

// next reads the element at the start of der (X.690 §8.1): its tag, content, the whole element, and the bytes after it.
// It reads lengths of up to 3 bytes, which no TLS certificate exceeds. ok is false if the element is incomplete.
func next(der []byte) (tag byte, content, whole, rest []byte, ok bool) {
	if len(der) < 2 {
		return 0, nil, nil, der, false
	}
	header, n := 2, int(der[1])
	if n >= 0x80 {
		size := n & 0x7f
		if size == 0 || size > 3 || len(der) < 2+size {
			return 0, nil, nil, der, false
		}
		n = 0
		for _, b := range der[2 : 2+size] {
			n = n<<8 | int(b)
		}
		header += size
	}
	if n > len(der)-header {
		return 0, nil, nil, der, false
	}
	return der[0], der[header : header+n], der[:header+n], der[header+n:], true
}

// expect is next for an element that must have tag.
func expect(der []byte, tag byte) (content, whole, rest []byte, ok bool) {
	got, content, whole, rest, ok := next(der)
	return content, whole, rest, ok && got == tag
}

// Parse reads a certificate and reports whether its outline is valid: all fields before the extensions are present, in
// order.
func (c *Certificate) Parse(der []byte) bool {
	*c = Certificate{}
	outer, _, _, ok := expect(der, tagSequence)
	if !ok {
		return false
	}
	b, _, _, ok := expect(outer, tagSequence)
	if !ok {
		return false
	}
	if _, _, rest, versioned := expect(b, tagVersion); versioned {
		b = rest
	}
	_, _, _, b, ok = next(b) // serial number
	if !ok {
		return false
	}
	_, _, b, ok = expect(b, tagSequence) // signature algorithm
	if !ok {
		return false
	}
	issuer, rawIssuer, b, ok := expect(b, tagSequence)
	if !ok {
		return false
	}
	validity, _, b, ok := expect(b, tagSequence)
	if !ok {
		return false
	}
	subject, rawSubject, b, ok := expect(b, tagSequence)
	if !ok {
		return false
	}
	key, _, b, ok := expect(b, tagSequence)
	if !ok {
		return false
	}
	c.Issuer.parse(issuer)
	c.Subject.parse(subject)
	c.SelfIssued = len(subject) > 0 && bytes.Equal(rawIssuer, rawSubject)
	c.parseValidity(validity)
	c.parseKey(key)
	c.parseExtensions(b)
	return true
}

// parse reads a Name: a sequence of sets of attributes, each a sequence of type and value.
func (n *Name) parse(sequence []byte) {
	for {
		set, _, rest, ok := expect(sequence, tagSet)
		if !ok {
			return
		}
		sequence = rest
		for {
			attribute, _, more, ok := expect(set, tagSequence)
			if !ok {
				break
			}
			set = more
			kind, _, value, ok := expect(attribute, tagOID)
			if !ok {
				continue
			}
			_, text, _, _, ok := next(value)
			if !ok {
				continue
			}
			switch string(kind) {
			case oidCommonName:
				n.CommonName = text
			case oidOrganization:
				n.Organization = text
			}
		}
	}
}

func (c *Certificate) parseValidity(b []byte) {
	tag, text, _, rest, ok := next(b)
	if !ok {
		return
	}
	c.NotBefore = parseTime(tag, text)
	if tag, text, _, _, ok = next(rest); ok {
		c.NotAfter = parseTime(tag, text)
	}
}

// parseTime reads YYMMDDhhmmssZ or YYYYMMDDhhmmssZ (RFC 5280 §4.1.2.5); it returns the zero time for any other form.
func parseTime(tag byte, text []byte) time.Time {
	year := 0
	switch {
	case tag == tagUTCTime && len(text) == 13:
		if year = digits(text[:2]); year >= 50 {
			year += 1900
		} else {
			year += 2000
		}
		text = text[2:]
	case tag == tagGeneralizedTime && len(text) == 15:
		year = digits(text[:2])*100 + digits(text[2:4])
		text = text[4:]
	default:
		return time.Time{}
	}
	for _, b := range text[:10] {
		if b < '0' || b > '9' {
			return time.Time{}
		}
	}
	month, day, hour, minute, second := digits(text), digits(text[2:]), digits(text[4:]), digits(text[6:]),
		digits(text[8:])
	if year < 0 || text[10] != 'Z' || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day {
		return time.Time{} // the 31st of a month with 30 days
	}
	return t
}

// digits returns the number of two digits at the start of b; far below zero if they are no digits.
func digits(b []byte) int {
	if b[0] < '0' || b[0] > '9' || b[1] < '0' || b[1] > '9' {
		return -1 << 20
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}

func (c *Certificate) parseKey(b []byte) {
	algorithm, _, _, ok := expect(b, tagSequence)
	if !ok {
		return
	}
	oid, _, _, ok := expect(algorithm, tagOID)
	if !ok {
		return
	}
	switch string(oid) {
	case oidRSA, oidRSAPSS:
		c.Key = KeyRSA
	case oidEC:
		c.Key = KeyEC
	case oidDSA:
		c.Key = KeyDSA
	case oidEd25519:
		c.Key = KeyEd25519
	case oidEd448:
		c.Key = KeyEd448
	}
}

// parseExtensions finds the alternative names in the fields after the key: optional unique identifiers, then the
// extensions.
func (c *Certificate) parseExtensions(b []byte) {
	var list []byte
	for list == nil {
		tag, content, _, rest, ok := next(b)
		if !ok {
			return
		}
		if tag == tagExtensions {
			if list, _, _, ok = expect(content, tagSequence); !ok {
				return
			}
		}
		b = rest
	}
	for {
		extension, _, rest, ok := expect(list, tagSequence)
		if !ok {
			return
		}
		list = rest
		kind, _, value, ok := expect(extension, tagOID)
		if !ok || string(kind) != oidAltName {
			continue
		}
		if _, _, after, critical := expect(value, tagBoolean); critical {
			value = after
		}
		if octets, _, _, ok := expect(value, tagOctetString); ok {
			c.parseNames(octets)
		}
		return
	}
}

func (c *Certificate) parseNames(b []byte) {
	names, _, _, _ := expect(b, tagSequence)
	for c.nNames < MaxNames {
		tag, content, _, rest, ok := next(names)
		if !ok {
			return
		}
		if tag == tagDNSName && len(content) > 0 {
			c.names[c.nNames] = content
			c.nNames++
		}
		names = rest
	}
}
