// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"errors"
	"strings"
)

// Code is an enrolment code: a secret that a sink takes once, and the hash of the certificate authority that signed the
// sink's certificate, so that an agent knows the sink at first sight.
type Code struct {
	Secret    [10]byte
	Authority [16]byte // HashAuthority; zero: the roots of the agent's system
}

// NewCode returns a code with a new secret.
func NewCode(authority [16]byte) (c Code) {
	_, _ = rand.Read(c.Secret[:]) // never fails
	c.Authority = authority
	return c
}

// HashAuthority returns the first 16 bytes of the SHA-256 of a certificate's public key (SubjectPublicKeyInfo, DER).
func HashAuthority(c *x509.Certificate) (hash [16]byte) {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	copy(hash[:], sum[:])
	return hash
}

const codeGroup = 6

// encoding is RFC 4648's base32, which has no digit that looks like a letter of its own.
var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// String returns the code as people copy it: base32 in groups of six.
func (c Code) String() string {
	text := encoding.EncodeToString(append(c.Secret[:len(c.Secret):len(c.Secret)], c.Authority[:]...))
	var b strings.Builder
	for i := range len(text) {
		if i > 0 && i%codeGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// ErrCode is that of a text that is no code.
var ErrCode = errors.New("this is no enrolment code: copy all seven groups of six letters and digits that " +
	"weir-sink agent enrol has printed")

// ParseCode reads a code as people type it: in any case, with or without dashes and spaces.
func ParseCode(text string) (c Code, err error) {
	clean := strings.NewReplacer("-", "", " ", "", "\t", "").Replace(strings.ToUpper(text))
	b, err := encoding.DecodeString(clean)
	if err != nil || len(b) != len(c.Secret)+len(c.Authority) {
		return Code{}, ErrCode
	}
	copy(c.Secret[:], b)
	copy(c.Authority[:], b[len(c.Secret):])
	if !bytes.Equal([]byte(encoding.EncodeToString(b)), []byte(clean)) { // unused bits are not zero
		return Code{}, ErrCode
	}
	return c, nil
}
