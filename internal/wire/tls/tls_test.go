// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// hello builds a ClientHello message from lists of numbers and extension bodies.
type hello struct {
	version    uint16
	session    []byte
	cookie     []byte
	datagram   bool
	ciphers    []uint16
	extensions []extension
}

type extension struct {
	kind uint16
	body []byte
}

func be16(v int) []byte { return []byte{byte(v >> 8), byte(v)} }

func numbers(vs ...uint16) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func with16(b []byte) []byte { return append(be16(len(b)), b...) }
func with8(b []byte) []byte  { return append([]byte{byte(len(b))}, b...) }

func sni(name string) extension {
	return extension{extServerName, with16(append([]byte{0}, with16([]byte(name))...))}
}

func alpn(names ...string) extension {
	var list []byte
	for _, n := range names {
		list = append(list, with8([]byte(n))...)
	}
	return extension{extALPN, with16(list)}
}

func (h hello) message() []byte {
	b := append(numbers(h.version), make([]byte, 32)...)
	b = append(b, with8(h.session)...)
	if h.datagram {
		b = append(b, with8(h.cookie)...)
	}
	b = append(b, with16(numbers(h.ciphers...))...)
	b = append(b, 1, 0)
	if h.extensions != nil {
		var list []byte
		for _, e := range h.extensions {
			list = append(list, numbers(e.kind)...)
			list = append(list, with16(e.body)...)
		}
		b = append(b, with16(list)...)
	}
	return append([]byte{ClientHelloType, 0, byte(len(b) >> 8), byte(len(b))}, b...)
}

// example is the hello of the JA4 specification's example, interspersed with GREASE.
func example() hello {
	h := hello{version: VersionTLS12, session: make([]byte, 32),
		ciphers: []uint16{0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
			0xc014, 0x009c, 0x009d, 0x002f, 0x0035}}
	h.extensions = []extension{{0x2a2a, nil}, {0x001b, nil}, sni("www.example.com"),
		{extKeyShare, with16([]byte{0, 29, 0, 1, 9})}, alpn("h2", "http/1.1"),
		{0x4469, nil}, {0x0017, nil}, {0x002d, nil},
		{extSignatureAlgorithms, with16(numbers(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601))},
		{0x0005, nil}, {0x0023, []byte("ticket")}, {0x0012, nil},
		{extSupportedVersions, with8(numbers(0x3a3a, VersionTLS13, VersionTLS12))}, {0xff01, nil},
		{extPointFormats, with8([]byte{0})}, {extGroups, with16(numbers(0x4a4a, 29, 23, 24))}, {0x0015, nil},
		{0x5a5a, []byte{0}}}
	return h
}

func parse(t testing.TB, message []byte, datagram bool) (*ClientHello, Status) {
	t.Helper()
	m, _, ok := ParseMessage(message)
	if !ok {
		t.Fatal("no message")
	}
	h := new(ClientHello)
	return h, h.Parse(&m, datagram)
}

func TestClientHello(t *testing.T) {
	h, status := parse(t, example().message(), false)
	if status != Valid {
		t.Fatal(status)
	}
	name, rest := h.ALPN.Next()
	second, rest := rest.Next()
	none, _ := rest.Next()
	if string(h.ServerName) != "www.example.com" || string(name) != "h2" || string(second) != "http/1.1" ||
		none != nil {
		t.Errorf("names: %q %q %q %q", h.ServerName, name, second, none)
	}
	if h.MaxVersion() != VersionTLS13 || h.Groups.Len() != 4 || h.Groups.At(1) != 29 ||
		!bytes.Equal(h.PointFormats, []byte{0}) ||
		string(h.Ticket) != "ticket" || h.ECH || h.ESNI || h.PreSharedKey || len(h.KeyShares) != 5 ||
		len(h.SessionID) != 32 {
		t.Errorf("%+v", h)
	}
}

// TestFingerprints: the JA4 values are those of FoxIO's specification (JA4.md, "Example"); the test builds the JA3
// string by the README of JA3.
func TestFingerprints(t *testing.T) {
	h, _ := parse(t, example().message(), false)
	if got := string(h.AppendJA4(nil, 't')); got != "t13d1516h2_8daaf6152771_e5627efa2ab1" {
		t.Error(got)
	}
	if got := string(h.AppendJA4(nil, 'q')); got != "q13d1516h2_8daaf6152771_e5627efa2ab1" {
		t.Error(got)
	}
	text := "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53," +
		"27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0"
	sum := md5.Sum([]byte(text))
	if got, want := string(h.AppendJA3(nil)), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}

	// The README of JA3: "769,4-5-10-9-100-98-3-6-19-18-99,,," is de350869b8c85de67a350c8d186f11e6.
	plain := hello{version: VersionTLS10, ciphers: []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}}
	h, status := parse(t, plain.message(), false)
	if got := string(h.AppendJA3(nil)); status != Valid || got != "de350869b8c85de67a350c8d186f11e6" {
		t.Error(got)
	}
	if got := string(h.AppendJA4(nil, 't')); !strings.HasPrefix(got, "t10i110000_") ||
		!strings.HasSuffix(got, "_000000000000") {
		t.Error(got)
	}

	// JA4.md: without signature algorithms the extensions alone are hashed.
	bare := example()
	bare.extensions = slices.DeleteFunc(bare.extensions, func(e extension) bool {
		return e.kind == extSignatureAlgorithms
	})
	bare.extensions = append(bare.extensions, extension{extSignatureAlgorithms, with16(nil)})
	h, _ = parse(t, bare.message(), false)
	if got := string(h.AppendJA4(nil, 't')); got != "t13d1516h2_8daaf6152771_6d807ffa2a79" {
		t.Error(got)
	}
}

// TestJA4Name uses the names and their letters from JA4.md, "ALPN Extension Value".
func TestJA4Name(t *testing.T) {
	for name, want := range map[string]string{"": "00", "h2": "h2", "http/1.1": "h1", "x": "xx", "\xab": "ab",
		"\xab\xcd": "ad",
		"\x30\xab": "3b", "\x30\x31\xab\xcd": "3d", "\x30\xab\xcd\x31": "01"} {
		if got := string(appendJA4Name(nil, with8([]byte(name)))); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestFingerprintLimits(t *testing.T) {
	many := example()
	many.ciphers = make([]uint16, maxNumbers+1)
	h, _ := parse(t, many.message(), false)
	if h.AppendJA3(nil) != nil || h.AppendJA4(nil, 't') != nil {
		t.Error("too many ciphers")
	}
	many = example()
	many.ciphers = slices.Repeat([]uint16{0xfffe}, maxNumbers-10)
	many.extensions = append(many.extensions, slices.Repeat([]extension{{0xfffe, nil}}, maxNumbers+1)...)
	h, status := parse(t, many.message(), false)
	if status != Valid || h.AppendJA3(nil) != nil || h.AppendJA4(nil, 't') != nil {
		t.Error("too many extensions")
	}
	var s ServerHello
	s.Extensions = h.Extensions
	for range 3 {
		s.Extensions = append(s.Extensions, s.Extensions...)
	}
	if s.AppendJA3S(nil) != nil {
		t.Error("too many extensions of a server")
	}
}

func TestEncryptedNames(t *testing.T) {
	h := example()
	h.extensions = append(h.extensions, extension{extECH, []byte{0}}, extension{extESNI, nil},
		extension{extPreSharedKey, nil}, extension{extQUICParameters, []byte{1}})
	if p, s := parse(t, h.message(), false); s != Valid || !p.ECH || !p.ESNI || !p.PreSharedKey ||
		len(p.QUICParameters) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestClientHelloContradictions(t *testing.T) {
	good := example().message()
	for name, change := range map[string]func(b []byte){
		"version 2":                 func(b []byte) { b[4] = 2 },
		"session id of 33":          func(b []byte) { b[38] = 33 },
		"ciphers of odd length":     func(b []byte) { b[72]++ },
		"no compression":            func(b []byte) { b[73+32] = 0 },
		"extensions end too early":  func(b []byte) { b[73+32+3]-- },
		"extension past the end":    func(b []byte) { b[len(b)-2]++ },
		"message longer than hello": func(b []byte) { b[3]++ },
	} {
		b := slices.Clone(good)
		change(b)
		if _, s := parse(t, b, false); s != Invalid {
			t.Errorf("%s: %d", name, s)
		}
	}
	weird := example()
	weird.extensions = []extension{{extServerName, []byte{0, 9, 0}}, {extALPN, []byte{0}}, {extGroups, []byte{0, 3, 0}}}
	if h, s := parse(t, weird.message(), false); s != Valid || h.ServerName != nil || !h.HasServerName ||
		h.ALPN != nil || h.Groups != nil {
		t.Errorf("contradicting extensions: %d %+v", s, h)
	}
}

func TestClientHelloTruncations(t *testing.T) {
	whole := example().message()
	for n := MessageHeader; n < len(whole); n++ {
		h, s := parse(t, whole[:n], false)
		if s != Cut {
			t.Fatalf("%d of %d bytes: %d", n, len(whole), s)
		}
		if end := bytes.Index(whole, []byte("www.example.com")) + 15; h.ServerName != nil && n < end {
			t.Errorf("%d bytes: name %q", n, h.ServerName)
		}
	}
}

func TestDTLSClientHello(t *testing.T) {
	h := example()
	h.version, h.datagram, h.cookie = VersionDTLS12, true, []byte("cookie")
	h.extensions = append(h.extensions[:len(h.extensions):len(h.extensions)], extension{extSupportedVersions,
		with8(numbers(VersionDTLS12, VersionDTLS13))})
	p, s := parse(t, h.message(), true)
	if s != Valid || string(p.Cookie) != "cookie" || string(p.ServerName) != "www.example.com" ||
		p.MaxVersion() != VersionDTLS13 {
		t.Errorf("%d %+v", s, p)
	}
	if got := string(p.AppendJA4(nil, 'd')); !strings.HasPrefix(got, "dd3d1517h2_8daaf6152771_") {
		t.Error(got)
	}
	if _, s := parse(t, h.message(), false); s != Invalid {
		t.Error("as TLS:", s)
	}
}

func serverHello(random []byte, extensions []byte) []byte {
	b := append(numbers(VersionTLS12), random...)
	b = append(b, 0, 0x13, 0x01, 0)
	if extensions != nil {
		b = append(b, with16(extensions)...)
	}
	return append([]byte{ServerHelloType, 0, 0, byte(len(b))}, b...)
}

func TestServerHello(t *testing.T) {
	message := serverHello(make([]byte, 32), slices.Concat(numbers(43, 2, VersionTLS13), numbers(16, 5, 3),
		[]byte("\x02h2"), numbers(41, 0)))
	m, _, _ := ParseMessage(message)
	var h ServerHello
	if s := h.Parse(&m, false); s != Valid || h.Negotiated() != VersionTLS13 || string(h.ALPN) != "h2" ||
		!h.PreSharedKey || h.Retry || h.CipherSuite != 0x1301 {
		t.Errorf("%d %+v", s, h)
	}
	sum := md5.Sum([]byte("771,4865,43-16-41"))
	if got := string(h.AppendJA3S(nil)); got != hex.EncodeToString(sum[:]) {
		t.Error(got)
	}
	for n := MessageHeader; n < len(message); n++ {
		m, _, _ := ParseMessage(message[:n])
		if s := h.Parse(&m, false); s != Cut {
			t.Errorf("%d bytes: %d", n, s)
		}
	}
	m, _, _ = ParseMessage(serverHello([]byte(retryRandom), nil))
	if s := h.Parse(&m, false); s != Valid || !h.Retry || h.Negotiated() != VersionTLS12 {
		t.Errorf("%d %+v", s, h)
	}
}

// records splits body into records of at most size bytes.
func records(kind byte, body []byte, size int) []byte {
	var b []byte
	for part := range slices.Chunk(body, size) {
		b = append(b, kind, 3, 1)
		b = append(b, with16(part)...)
	}
	return b
}

func TestFlight(t *testing.T) {
	message := example().message()
	buf := make([]byte, 4096)
	for _, size := range []int{1, 3, 100, len(message)} {
		var f Flight
		stream := append(records(RecordHandshake, message, size), records(RecordApplicationData, []byte("secret"),
			99)...)
		f.Read(stream, buf)
		if !bytes.Equal(f.Handshake, message) || !f.Encrypted || f.Version != VersionTLS10 || f.Broken {
			t.Errorf("records of %d: %+v", size, f)
		}
		f.Read(stream, buf[:50]) // a short buffer loses only the rest
		for n := range stream {
			f.Read(stream[:n], buf)
			if f.Broken || len(f.Handshake) > n {
				t.Fatalf("cut at %d: %+v", n, f)
			}
		}
	}
	var f Flight
	f.Read([]byte{21, 3, 1, 0, 2, 2, 40}, nil)
	if !f.Alerted || f.AlertLevel != 2 || f.Alert != 40 {
		t.Errorf("%+v", f)
	}
	for _, bad := range []string{"\x16\x03\x01\x00\x00", "\x16\x03\x05\x00\x05", "\x19", "\x16\x02",
		"\x17\x03\x03\x48\x01"} {
		if f.Read([]byte(bad), nil); !f.Broken {
			t.Errorf("%x: %+v", bad, f)
		}
	}
}

func TestLeaf(t *testing.T) {
	for body, want := range map[string]string{
		"\x00\x00\x00":                             "empty",
		"\x00\x00\x05\x00\x00\x02ab":               "ab",
		"\x00\x00\x0a\x00\x00\x02ab\x00\x00\x02cd": "ab",
		"\x00\x00\x05\x00\x00\x03ab":               "none",
		"\x00\x00\x06\x00\x00\x02ab":               "none",
		"\x00\x00\x05\x00\x00\x00ab":               "none",
	} {
		m := Message{CertificateType, len(body), []byte(body)}
		der, empty, ok := m.Leaf()
		got := "none"
		if ok {
			got = string(der)
			if empty {
				got = "empty"
			}
		}
		if got != want {
			t.Errorf("%x: %s, want %s", body, got, want)
		}
	}
	long := Message{CertificateType, 1000, []byte("\x00\x03\xe5\x00\x00\x02ab\x00")}
	if der, _, ok := long.Leaf(); !ok || string(der) != "ab" {
		t.Errorf("the first of a cut chain: %q %v", der, ok)
	}
}

func TestWeakCiphers(t *testing.T) {
	for suite, name := range cipherNames {
		weak := false
		for _, mark := range []string{"NULL", "EXPORT", "RC2", "RC4", "_DES", "3DES", "anon"} {
			weak = weak || strings.Contains(name, mark)
		}
		if IsWeakCipher(suite) != weak {
			t.Errorf("%#04x %s: %v", suite, name, !weak)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	message := example().message()
	m, _, _ := ParseMessage(message)
	var h ClientHello
	text := make([]byte, 0, 128)
	if n := testing.AllocsPerRun(100, func() {
		h.Parse(&m, false)
		h.AppendJA4(h.AppendJA3(text), 't')
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzClientHello(f *testing.F) {
	f.Add(example().message(), false)
	d := example()
	d.datagram, d.version = true, VersionDTLS12
	f.Add(d.message(), true)
	f.Fuzz(func(t *testing.T, b []byte, datagram bool) {
		m, rest, ok := ParseMessage(b)
		if !ok {
			return
		}
		if len(rest)+len(m.Body)+MessageHeader != len(b) {
			t.Fatal("bytes lost")
		}
		var h ClientHello
		status := h.Parse(&m, datagram)
		if status == Valid && !m.Complete() {
			t.Fatal("valid and cut")
		}
		if out := h.AppendJA3(nil); len(out) != 0 && len(out) != JA3Length {
			t.Fatalf("JA3 %q", out)
		}
		if out := h.AppendJA4(nil, 't'); len(out) != 0 && len(out) != JA4Length {
			t.Fatalf("JA4 %q", out)
		}
		var s ServerHello
		m.Type = ServerHelloType
		s.Parse(&m, datagram)
		s.AppendJA3S(nil)
		m.Leaf()
		h.ParseSSL2(b)
	})
}

func FuzzFlight(f *testing.F) {
	f.Add(records(RecordHandshake, example().message(), 50))
	f.Fuzz(func(t *testing.T, b []byte) {
		var fl Flight
		fl.Read(b, make([]byte, len(b)))
		if len(fl.Handshake) > len(b) {
			t.Fatal("more than there was")
		}
		Chain(b, 8)
	})
}

func BenchmarkClientHello(b *testing.B) {
	message := example().message()
	m, _, _ := ParseMessage(message)
	var h ClientHello
	text := make([]byte, 0, 128)
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.Parse(&m, false)
		}
	})
	b.Run("parse+JA3+JA4", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.Parse(&m, false)
			h.AppendJA4(h.AppendJA3(text), 't')
		}
	})
	crafted := example()
	crafted.extensions = slices.Repeat([]extension{{0xfffe, nil}}, 16000)
	m2, _, _ := ParseMessage(crafted.message())
	b.Run("crafted 64 KiB", func(b *testing.B) {
		b.SetBytes(int64(len(m2.Body)))
		for b.Loop() {
			h.Parse(&m2, false)
			h.AppendJA4(h.AppendJA3(text), 't')
		}
	})
}

// BenchmarkFlightCrafted reads a stream of the shortest records.
func BenchmarkFlightCrafted(b *testing.B) {
	stream := records(RecordHandshake, make([]byte, 2730), 1)
	buf := make([]byte, len(stream))
	b.SetBytes(int64(len(stream)))
	var f Flight
	for b.Loop() {
		f.Read(stream, buf)
	}
}
