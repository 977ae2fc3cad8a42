// SPDX-License-Identifier: Apache-2.0

package x509

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	std "crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"
)

// signer signs every certificate, whatever key is in it.
var signer, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)

func create(t testing.TB, template, parent *std.Certificate, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := std.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// certificates returns certificates of many shapes: key types, names, times, extensions.
func certificates(t testing.TB) map[string][]byte {
	ec := signer.Public()
	// Any odd number of 2048 bits will do.
	rsaKey := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2047, 1), E: 65537}
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	ca := &std.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example CA",
		Organization: []string{"Example Trust"}}}
	base := std.Certificate{SerialNumber: big.NewInt(99), Subject: pkix.Name{CommonName: "www.example.com",
		Organization: []string{"Example Org"}, Country: []string{"XX"}},
		NotBefore: time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), NotAfter: time.Date(2049, 2, 28, 0, 0, 1, 0,
			time.UTC),
		DNSNames: []string{"www.example.com", "*.example.net"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)},
		EmailAddresses: []string{"a@example.com"}}
	far := base
	far.NotBefore, far.NotAfter = time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0,
		time.UTC)
	many := base
	for i := range 300 {
		many.DNSNames = append(many.DNSNames, fmt.Sprintf("host-%d.example.org", i))
	}
	bare := std.Certificate{SerialNumber: big.NewInt(5)}
	unnamed := base
	unnamed.Subject = pkix.Name{} // the alternative names are critical then
	return map[string][]byte{
		"signed by a CA": create(t, &base, ca, ec), "self-signed": create(t, &base, &base, ec),
		"RSA":     create(t, &base, ca, rsaKey),
		"Ed25519": create(t, &base, ca, ed), "after 2050": create(t, &far, ca, ec), "300 names": create(t, &many, ca,
			ec),
		"bare": create(t, &bare, &bare, ec), "unnamed": create(t, &unnamed, ca, ec),
	}
}

var keyTypes = map[std.PublicKeyAlgorithm]KeyType{std.RSA: KeyRSA, std.ECDSA: KeyEC, std.Ed25519: KeyEd25519}

// TestAgainstStandardLibrary compares with crypto/x509 on certificates that it accepts.
func TestAgainstStandardLibrary(t *testing.T) {
	for name, der := range certificates(t) {
		want, err := std.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		var got Certificate
		if !got.Parse(der) {
			t.Errorf("%s: refused", name)
			continue
		}
		compare(t, name, &got, want)
	}
}

func compare(t *testing.T, name string, got *Certificate, want *std.Certificate) {
	t.Helper()
	last := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return list[len(list)-1]
	}
	var names []string
	for _, n := range got.DNSNames() {
		names = append(names, string(n))
	}
	if string(got.Subject.CommonName) != want.Subject.CommonName ||
		string(got.Issuer.CommonName) != want.Issuer.CommonName ||
		string(got.Subject.Organization) != last(want.Subject.Organization) || string(got.Issuer.Organization) != last(
		want.Issuer.Organization) {
		t.Errorf("%s: names %q %q", name, got.Subject, got.Issuer)
	}
	if !got.NotBefore.Equal(want.NotBefore) || !got.NotAfter.Equal(want.NotAfter) {
		t.Errorf("%s: valid %v to %v, want %v to %v", name, got.NotBefore, got.NotAfter, want.NotBefore, want.NotAfter)
	}
	if !slices.Equal(names, want.DNSNames[:min(len(want.DNSNames), MaxNames)]) {
		t.Errorf("%s: alternative names %q", name, names)
	}
	if got.Key != keyTypes[want.PublicKeyAlgorithm] {
		t.Errorf("%s: key %v, want %v", name, got.Key, want.PublicKeyAlgorithm)
	}
	if self := bytes.Equal(want.RawIssuer, want.RawSubject) && len(want.Subject.Names) > 0; got.SelfIssued != self {
		t.Errorf("%s: self-issued %v", name, got.SelfIssued)
	}
}

func TestKeyNames(t *testing.T) {
	for k, want := range map[KeyType]string{KeyUnknown: "", KeyRSA: "rsa", KeyEC: "ec", KeyEd25519: "ed25519",
		KeyEd448: "ed448", KeyDSA: "dsa"} {
		if k.String() != want {
			t.Errorf("%d: %q", k, k)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"240229120000Z": "2024-02-29T12:00:00Z", "500101000000Z": "1950-01-01T00:00:00Z",
		"491231235959Z":   "2049-12-31T23:59:59Z",
		"20500101000000Z": "2050-01-01T00:00:00Z", "00010101000001Z": "0001-01-01T00:00:01Z",
		"230229120000Z": "", "241301000000Z": "", "240100000000Z": "", "240101240000Z": "", "240101006000Z": "",
		"240101000060Z": "",
		"2401010000000": "", "24010100000Z": "", "x40101000000Z": "", "24010100000xZ": "", "2405010000+1Z": "",
		"20x00101000000Z": "",
	} {
		tag := byte(tagUTCTime)
		if len(text) == 15 {
			tag = tagGeneralizedTime
		}
		got := ""
		if v := parseTime(tag, []byte(text)); !v.IsZero() {
			got = v.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestTruncations(t *testing.T) {
	for name, der := range certificates(t) {
		var c Certificate
		for n := range der {
			if c.Parse(der[:n]) {
				t.Errorf("%s: accepted after %d of %d bytes", name, n, len(der))
			}
		}
	}
}

// TestLenient: Parse reads certificates that crypto/x509 refuses, as far as possible.
func TestLenient(t *testing.T) {
	der := certificates(t)["self-signed"]
	for name, change := range map[string]func(b []byte){
		"time that is none":     func(b []byte) { b[bytes.Index(b, []byte("991231"))+2] = '7' },
		"alternative name cut":  func(b []byte) { b[bytes.Index(b, []byte("\x82\x0fwww"))+1] = 0x7f },
		"extensions of no kind": func(b []byte) { b[bytes.Index(b, []byte(oidAltName))-4] = 0x31 },
	} {
		b := slices.Clone(der)
		change(b)
		var c Certificate
		if !c.Parse(b) || string(c.Subject.CommonName) != "www.example.com" || !c.SelfIssued || c.NotAfter.IsZero() {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	der := certificates(t)["300 names"]
	var c Certificate
	if n := testing.AllocsPerRun(100, func() { c.Parse(der) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, der := range certificates(f) {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		var c Certificate
		ok := c.Parse(der)
		if !ok && len(c.DNSNames()) > 0 {
			t.Fatal("names from a refused certificate")
		}
		if want, err := std.ParseCertificate(der); err == nil && !ok {
			t.Fatalf("refused a certificate that crypto/x509 accepts: %v", want.Subject)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, der := range certificates(b) {
		b.Run(name, func(b *testing.B) {
			var c Certificate
			b.SetBytes(int64(len(der)))
			b.ReportAllocs()
			for b.Loop() {
				c.Parse(der)
			}
		})
	}
}
