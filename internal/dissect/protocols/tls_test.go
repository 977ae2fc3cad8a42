// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdtls "crypto/tls"
	stdx509 "crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/dissect"
)

// tlsTap records the bytes written to a connection.
type tlsTap struct {
	net.Conn
	fromClient bool
	says       *[]say
	mu         *sync.Mutex
}

func (t tlsTap) Write(b []byte) (int, error) {
	t.mu.Lock()
	*t.says = append(*t.says, say{FromClient: t.fromClient, Bytes: slices.Clone(b)})
	t.mu.Unlock()
	return t.Conn.Write(b)
}

// tlsRecord performs a crypto/tls handshake and returns both sides' bytes.
func tlsRecord(t testing.TB, client, server *stdtls.Config) talk {
	t.Helper()
	var says []say
	var mu sync.Mutex
	a, b := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := stdtls.Server(tlsTap{b, false, &says, &mu}, server)
		buf := make([]byte, 4)
		io.ReadFull(s, buf)
		s.Write([]byte("pong"))
		b.Close()
	}()
	c := stdtls.Client(tlsTap{a, true, &says, &mu}, client)
	c.Write([]byte("ping"))
	io.ReadFull(c, make([]byte, 4))
	a.Close()
	<-done
	return talk{Over: dissect.TCP, ServerPort: 443, Says: says}
}

// tlsCertificate makes a certificate, signed by itself or by another one.
func tlsCertificate(t testing.TB, selfSigned bool, names ...string) stdtls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &stdx509.Certificate{SerialNumber: big.NewInt(7), DNSNames: names,
		Subject:   pkix.Name{CommonName: names[0], Organization: []string{"Example Org"}},
		NotBefore: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(2051, 1, 2, 3, 4, 5, 0, time.UTC)}
	parent := leaf
	if !selfSigned {
		parent = &stdx509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example CA"},
			IsCA: true, BasicConstraintsValid: true}
	}
	der, err := stdx509.CreateCertificate(rand.Reader, leaf, parent, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return stdtls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func tlsConfigs(t testing.TB, version uint16) (client, server *stdtls.Config) {
	server = &stdtls.Config{Certificates: []stdtls.Certificate{tlsCertificate(t, false, "www.example.com",
		"example.net")},
		MinVersion: version, MaxVersion: version, NextProtos: []string{"h2"}}
	client = &stdtls.Config{ServerName: "www.example.com", InsecureSkipVerify: true, MinVersion: version,
		MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}}
	return client, server
}

func TestTLS13(t *testing.T) {
	client, server := tlsConfigs(t, stdtls.VersionTLS13)
	k := tlsRecord(t, client, server)
	fields := []string{`"version":"1.3"`, `"sni":"www.example.com"`, `"alpn":["h2","http/1.1"]`, `"cipher":"TLS_`,
		`"ja3":"`, `"ja4":"t13d`, `"ja3s":"`}
	for name, k := range map[string]talk{"whole": k, "split": k.Split(300), "swapped": k.Swapped()} {
		h := wantProtocol(t, k, "tls", fields...)
		if h.Host != "www.example.com" || h.Certificate != dissect.CertificateHidden || h.Outcome != dissect.Decided ||
			len(h.Risks) > 0 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	wantProtocol(t, k.Only(true), "tls", `"sni":"www.example.com"`)
	if h := wantProtocol(t, k.Only(false), "tls", `"version":"1.3"`); h.Outcome != dissect.Decided {
		t.Errorf("server alone: %+v", h)
	}
}

func TestTLS12(t *testing.T) {
	client, server := tlsConfigs(t, stdtls.VersionTLS12)
	k := tlsRecord(t, client, server)
	fields := []string{`"version":"1.2"`, `"alpn_selected":"h2"`, `"certificate_subject":"www.example.com"`,
		`"certificate_organization":"Example Org"`,
		`"certificate_issuer":"Example CA"`, `"certificate_not_before":"2024-01-02T03:04:05Z"`,
		`"certificate_not_after":"2051-01-02T03:04:05Z"`,
		`"certificate_key":"ec"`, `"certificate_sans":["www.example.com","example.net"]`, `"certificate_sha256":"`}
	for name, k := range map[string]talk{"whole": k, "split": k.Split(200), "swapped": k.Swapped()} {
		h := wantProtocol(t, k, "tls", fields...)
		if h.Certificate != dissect.CertificateShown || h.Outcome != dissect.Decided ||
			!slices.Equal(h.CertNames, []string{"www.example.com", `example org`, "www.example.com", "example.net"}) {
			t.Errorf("%s: %+v", name, h)
		}
	}
	k = k.Split(700)
	testTruncations(t, "tls", k, 11)
	wantNoAllocations(t, "tls", k)
}

func TestTLSResumed(t *testing.T) {
	for version, want := range map[uint16]string{stdtls.VersionTLS12: "1.2", stdtls.VersionTLS13: "1.3"} {
		client, server := tlsConfigs(t, version)
		client.ClientSessionCache = stdtls.NewLRUClientSessionCache(1)
		if h := listen(t, tlsRecord(t, client, server)); h.Protocol != "tls" {
			t.Fatal(h)
		}
		h := wantProtocol(t, tlsRecord(t, client, server), "tls", `"resumed":true`, `"version":"`+want+`"`)
		if h.Certificate != dissect.CertificateHidden || h.Outcome != dissect.Decided {
			t.Errorf("%s: %+v", want, h)
		}
	}
}

func TestTLSSelfSignedWithoutSNI(t *testing.T) {
	client, server := tlsConfigs(t, stdtls.VersionTLS10)
	server.Certificates = []stdtls.Certificate{tlsCertificate(t, true, "device.example.org")}
	client.ServerName = ""
	h := wantProtocol(t, tlsRecord(t, client, server), "tls", `"version":"1.0"`, `"certificate_self_signed":true`)
	if h.Certificate != dissect.CertificateSelfSigned || h.Host != "device.example.org" ||
		!slices.Equal(h.Risks, []string{"tls-missing-sni", "tls-obsolete-version", "certificate-self-signed"}) {
		t.Errorf("%+v", h)
	}
}

func TestTLSRefused(t *testing.T) {
	client, server := tlsConfigs(t, stdtls.VersionTLS12)
	client.MinVersion, client.MaxVersion = stdtls.VersionTLS10, stdtls.VersionTLS10
	h := wantProtocol(t, tlsRecord(t, client, server), "tls", `"alert":70`)
	if h.Outcome != dissect.Decided {
		t.Errorf("%+v", h)
	}
}

func TestTLSMidstream(t *testing.T) {
	for name, says := range map[string][]say{
		"two records":           {CX("17 03 03 00 04 01020304 17 03 03 00 20 00")},
		"one of each side":      {CX("17 03 03 00 20 00000000"), SX("17 03 03 40 00 0000")},
		"one that fills":        {CX("17 03 03 00 12 000102030405060708090a0b0c0d0e0f1011")},
		"alert in the clear":    {SX("15 03 01 00 02 02 28")},
		"change cipher spec":    {SX("14 03 03 00 01 01 16 03 03 00 28 00")},
		"encrypted application": {CX("17 03 03 00 05 0102030405 17 03 03 00 05 0102030405")},
	} {
		k := tcp(8443, says...)
		k.Midstream = true
		if h := listen(t, k); h.Protocol != "tls" {
			t.Errorf("%s: %q", name, h.Protocol)
		}
	}
	for name, says := range map[string][]say{
		"one record that doesn't fill": {CX("17 03 03 00 20 00000000")},
		"two of different versions":    {CX("17 03 03 00 04 01020304 17 03 01 00 20 00")},
		"no second record":             {CX("17 03 03 00 04 01020304 99 03 03 00 20 00")},
		"too long":                     {CX("17 03 03 50 00 00"), SX("17 03 03 50 00 00")},
		"version 4":                    {CX("17 04 03 00 04 01020304 17 04 03 00 04 01020304")},
		"hello with a wrong length": {CX("16 0301 0030 01 00002c 0303" + "00112233445566778899aabbccddeeff00112233" +
			"445566778899aabbccddeeff" + "ff 00")},
	} {
		k := tcp(8443, says...)
		k.Midstream = true
		if h := listen(t, k); h.Protocol == "tls" {
			t.Errorf("%s: named", name)
		}
	}
}

func TestTLSOldHello(t *testing.T) {
	k := tcp(443, CX("80 2e 01 0301 0015 0000 0010"+"000004 000005 00000a 010080 0700c0 030080 0000ff"+
		"00112233445566778899aabbccddeeff"))
	wantProtocol(t, k, "tls", `"version":"1.0"`)
	k.Says[0].Bytes[6]++ // the cipher specs' length is no longer a multiple of 3
	wantNot(t, k, "tls")
}

// TestTLSEncryptedHello: a provider's public name is not the host; any other name may be real, and the extension
// filler.
func TestTLSEncryptedHello(t *testing.T) {
	for name, want := range map[string]string{"cloudflare-ech.com": "", "www.example.com": "www.example.com"} {
		client, server := tlsConfigs(t, stdtls.VersionTLS13)
		client.ServerName = name
		hello := tlsRecord(t, client, server).Says[0].Bytes
		b := append(hello, 0xfe, 0x0d, 0, 1, 0) // encrypted_client_hello, outer
		grow := func(at int) { binary.BigEndian.PutUint16(b[at:], binary.BigEndian.Uint16(b[at:])+5) }
		grow(3)                                        // record
		grow(7)                                        // message
		at := 44 + int(b[43])                          // ciphers
		at += 2 + int(binary.BigEndian.Uint16(b[at:])) // compression
		grow(at + 1 + int(b[at]))                      // extensions
		if h := wantProtocol(t, tcp(443, C(b)), "tls", `"ech":true`, `"sni":"`+name+`"`); h.Host != want {
			t.Errorf("%s: host %q", name, h.Host)
		}
	}
}

func TestTLSFieldsAfterStartTLS(t *testing.T) {
	client, server := tlsConfigs(t, stdtls.VersionTLS12)
	k := tlsRecord(t, client, server)
	var up, down []byte
	for _, m := range k.Says {
		if m.FromClient {
			up = append(up, m.Bytes...)
		} else {
			down = append(down, m.Bytes...)
		}
	}
	var r dissect.Result
	if ok, complete := tlsFields(&r, up, nil); !ok || complete || string(r.Host()) != "www.example.com" {
		t.Errorf("client's hello alone: %v %v %q", ok, complete, r.Host())
	}
	if ok, complete := tlsFields(&r, up, down); !ok || !complete {
		t.Errorf("both: %v %v", ok, complete)
	}
	r = dissect.Result{}
	if ok, _ := tlsFields(&r, []byte("QUIT\r\n"), []byte("221 bye\r\n")); ok || len(r.Info()) > 0 {
		t.Errorf("no TLS: %v %s", ok, r.Info())
	}
}

func TestTLSHostName(t *testing.T) {
	for name, want := range map[string]bool{"a.example": true, "*.example.com": false, "localhost": false,
		"192.0.2.1":   false,
		"Example Org": false, "a..b": false, "a.b.": false, "x_y.z-1.c0m": true, "": false} {
		if got := tlsIsHostName([]byte(name)); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func FuzzTLS(f *testing.F) {
	client, server := tlsConfigs(f, stdtls.VersionTLS12)
	fuzzTalks(f, "tls", tlsRecord(f, client, server),
		tcp(443, CX("17 03 03 00 05 0102030405 17 03 03 00 05 0102030405")))
}

func BenchmarkTLS(b *testing.B) {
	for version, name := range map[uint16]string{stdtls.VersionTLS12: "1.2", stdtls.VersionTLS13: "1.3"} {
		client, server := tlsConfigs(b, version)
		var streams [2][]byte
		for _, m := range tlsRecord(b, client, server).Says {
			way := dissect.Direction(m.FromClient)
			streams[way] = append(streams[way], m.Bytes...)
		}
		c := &dissect.Conversation{Transport: dissect.TCP}
		c.SetStreams(streams[0], streams[1])
		b.Run(name, func(b *testing.B) {
			var r dissect.Result
			p := &dissect.Protocol{Name: "tls"}
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(p)
				inspectTLS(c, &r)
			}
		})
	}
}
