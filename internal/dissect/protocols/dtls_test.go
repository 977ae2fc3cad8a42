// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	stdtls "crypto/tls"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/wire/tls"
)

// dtlsParts are the handshake messages of a DTLS connection, made from those of TLS 1.2: a hello gets a cookie and
// DTLS's version, the rest stays (RFC 6347 §4.2).
type dtlsParts struct{ hello, answer, certificate []byte }

func dtlsRecord(t testing.TB, cookie string) dtlsParts {
	client, server := tlsConfigs(t, stdtls.VersionTLS12)
	var f [2]tls.Flight
	var streams [2][]byte
	for _, m := range tlsRecord(t, client, server).Says {
		streams[dissect.Direction(m.FromClient)] = append(streams[dissect.Direction(m.FromClient)], m.Bytes...)
	}
	f[0].Read(streams[0], make([]byte, dissect.MaxStream))
	f[1].Read(streams[1], make([]byte, dissect.MaxStream))
	var p dtlsParts
	for i := range f {
		for rest, ok := f[i].Handshake, true; ok; {
			var m tls.Message
			m, rest, ok = tls.ParseMessage(rest)
			switch body := slices.Clone(m.Body); {
			case !ok:
			case m.Type == tls.ClientHelloType && i == 0:
				at := 35 + int(body[34])
				body[0], body[1] = 0xfe, 0xfd
				body = bytes.Replace(body, []byte{0, 43, 0, 3, 2, 3, 3}, []byte{0, 43, 0, 3, 2, 0xfe, 0xfd}, 1)
				p.hello = slices.Insert(body, at, append([]byte{byte(len(cookie))}, cookie...)...)
			case m.Type == tls.ServerHelloType:
				body[0], body[1] = 0xfe, 0xfd
				p.answer = body
			case m.Type == tls.CertificateType:
				p.certificate = body
			}
		}
	}
	return p
}

// dtlsFragment builds the part of a message between two offsets, in a record of epoch 0.
func dtlsFragment(kind byte, sequence int, message []byte, from, to int) []byte {
	n, size := len(message), to-from
	b := []byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, byte(sequence), byte((size + 12) >> 8), byte(size + 12),
		kind, 0, byte(n >> 8), byte(n), byte(sequence >> 8), byte(sequence), 0, byte(from >> 8), byte(from), 0,
		byte(size >> 8), byte(size)}
	return append(b, message[from:to]...)
}

func dtlsWhole(kind byte, sequence int, message []byte) []byte {
	return dtlsFragment(kind, sequence, message, 0, len(message))
}

func dtlsTalk(t testing.TB) talk {
	p, bare := dtlsRecord(t, "a cookie of the server"), dtlsRecord(t, "")
	half := len(p.certificate) / 2
	return udp(4433,
		C(dtlsWhole(tls.ClientHelloType, 0, bare.hello)),
		S(dtlsWhole(tls.HelloVerifyRequest, 0, []byte("\xfe\xff\x16a cookie of the server"))),
		C(dtlsWhole(tls.ClientHelloType, 1, p.hello)),
		S(slices.Concat(dtlsWhole(tls.ServerHelloType, 1, p.answer), dtlsFragment(tls.CertificateType, 2, p.certificate,
			0, half))),
		S(dtlsFragment(tls.CertificateType, 2, p.certificate, half, len(p.certificate))),
		S(dtlsWhole(tls.ServerHelloDone, 3, nil)),
	)
}

func TestDTLS(t *testing.T) {
	k := dtlsTalk(t)
	h := wantProtocol(t, k, "dtls", `"version":"dtls-1.2"`, `"sni":"www.example.com"`,
		`"certificate_subject":"www.example.com"`, `"ja4":"dd2d`, `"ja3":"`, `"ja3s":"`)
	if h.Host != "www.example.com" || h.Outcome != dissect.Decided || h.Certificate != dissect.CertificateShown ||
		h.Messages != 5 {
		t.Errorf("%+v", h)
	}
	wantProtocol(t, k.Only(true), "dtls", `"sni":"www.example.com"`)
	wantProtocol(t, k.Only(false), "dtls", `"version":"dtls-1.2"`)
	testTruncations(t, "dtls", k, 99)
	wantNoAllocations(t, "dtls", k)
}

func TestDTLSFragmentsOutOfOrder(t *testing.T) {
	p := dtlsRecord(t, "")
	n := len(p.hello)
	k := udp(4433,
		C(dtlsFragment(tls.ClientHelloType, 0, p.hello, 100, n)),
		C(dtlsFragment(tls.ClientHelloType, 0, p.hello, 40, 110)),
		C(dtlsFragment(tls.ClientHelloType, 0, p.hello, 0, 50)))
	if h := wantProtocol(t, k, "dtls", `"ja4":"dd2d`); h.Host != "www.example.com" {
		t.Errorf("%+v", h)
	}
	k.Says = k.Says[:2] // the start is missing
	if h := wantProtocol(t, k, "dtls"); h.Host != "" {
		t.Errorf("%+v", h)
	}
}

func TestDTLSAmongOthers(t *testing.T) {
	p := dtlsRecord(t, "")
	stun := CX("0001 0000 2112a442 000102030405060708090a0b")
	var r dissect.Result
	c := &dissect.Conversation{Transport: dissect.UDP}
	for _, m := range []say{stun, C(dtlsWhole(tls.ClientHelloType, 0, p.hello)),
		CX("80600001 00000000 01020304 aabb")} {
		c.Datagrams = append(c.Datagrams, dissect.Datagram{Payload: m.Bytes, Length: len(m.Bytes),
			FromClient: m.FromClient})
	}
	if ok, complete := dtlsFields(c, &r); !ok || complete || string(r.Host()) != "www.example.com" {
		t.Errorf("%v %v %q", ok, complete, r.Host())
	}
	c.Datagrams = c.Datagrams[:1]
	if ok, _ := dtlsFields(c, &r); ok {
		t.Error("STUN alone taken for DTLS")
	}
}

func TestDTLSMidstream(t *testing.T) {
	for name, says := range map[string][]say{
		"application data":      {CX("17 fefd 0001 000000000005 0004 01020304")},
		"two records":           {CX("14 feff 0000 000000000003 0001 01 16 feff 0001 000000000000 0003 aabbcc")},
		"hello of 1.3, more":    {SX("16 fefd 0000 000000000000 000d 02 000001 0000 000000 000001 00 2e aabbccddeeff")},
		"alert, old AnyConnect": {SX("15 0100 0001 000000000003 0002 0100")},
	} {
		if h := listen(t, udp(9999, says...)); h.Protocol != "dtls" {
			t.Errorf("%s: %q", name, h.Protocol)
		}
	}
	for name, says := range map[string][]say{
		"length too short":   {CX("17 fefd 0001 000000000005 0003 01020304")},
		"length too long":    {CX("17 fefd 0001 000000000005 0005 01020304")},
		"epoch of 4096":      {CX("17 fefd 1000 000000000005 0004 01020304")},
		"version of TLS":     {CX("17 0303 0001 000000000005 0004 01020304")},
		"fragment past end":  {CX("16 fefd 0000 000000000000 000d 01 000005 0000 000001 000005 00")},
		"data, then unified": {CX("17 fefd 0001 000000000005 0004 01020304 2e aabb")},
	} {
		if h := listen(t, udp(9999, says...)); h.Protocol == "dtls" {
			t.Errorf("%s: named", name)
		}
	}
}

func TestDTLSAlert(t *testing.T) {
	p := dtlsRecord(t, "")
	k := udp(4433, C(dtlsWhole(tls.ClientHelloType, 0, p.hello)), SX("15 fefd 0000 000000000000 0002 0228"))
	if h := wantProtocol(t, k, "dtls", `"alert":40`); h.Outcome != dissect.Decided {
		t.Errorf("%+v", h)
	}
}

func FuzzDTLS(f *testing.F) { fuzzTalks(f, "dtls", dtlsTalk(f)) }

// BenchmarkDTLSCrafted reads datagrams full of the shortest fragments, in the worst order.
func BenchmarkDTLSCrafted(b *testing.B) {
	message := make([]byte, 640)
	c := &dissect.Conversation{Transport: dissect.UDP}
	for i := range dissect.MaxDatagrams {
		var d []byte
		for at := 40 * (dissect.MaxDatagrams - 1 - i); len(d) < 1000; at++ {
			d = append(d, dtlsFragment(tls.ClientHelloType, 0, message, at, at+1)...)
		}
		c.Datagrams = append(c.Datagrams, dissect.Datagram{Payload: d, Length: len(d), FromClient: true})
	}
	var r dissect.Result
	p := &dissect.Protocol{Name: "dtls"}
	b.SetBytes(int64(dissect.MaxDatagrams * 1000))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(p)
		inspectDTLS(c, &r)
	}
}

// BenchmarkDTLS reads a whole handshake.
func BenchmarkDTLS(b *testing.B) {
	c := &dissect.Conversation{Transport: dissect.UDP}
	for _, m := range dtlsTalk(b).Says {
		c.Datagrams = append(c.Datagrams, dissect.Datagram{Payload: m.Bytes, Length: len(m.Bytes),
			FromClient: m.FromClient})
	}
	var r dissect.Result
	p := &dissect.Protocol{Name: "dtls"}
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(p)
		inspectDTLS(c, &r)
	}
}
