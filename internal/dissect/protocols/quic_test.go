// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	stdtls "crypto/tls"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

var quicID = []byte("\x83\x94\xc8\xf0\x3e\x51\x57\x08")

// quicHello is a ClientHello of crypto/tls for QUIC; with post-quantum key shares it is longer than a datagram.
func quicHello(t testing.TB, protocol string, groups ...stdtls.CurveID) []byte {
	t.Helper()
	c := stdtls.QUICClient(&stdtls.QUICConfig{TLSConfig: &stdtls.Config{ServerName: "www.example.com",
		NextProtos: []string{protocol}, MinVersion: stdtls.VersionTLS13, CurvePreferences: groups}})
	defer c.Close()
	c.SetTransportParameters([]byte("\x01\x04\x80\x00\x75\x30\x71\x29\x0bExample/1.0")) // idle timeout, user agent
	if err := c.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for e := c.NextEvent(); e.Kind != stdtls.QUICNoEvent; e = c.NextEvent() {
		if e.Kind == stdtls.QUICWriteData {
			return slices.Clone(e.Data)
		}
	}
	t.Fatal("no hello")
	return nil
}

// quicSeal makes a client's Initial packet of version 1, with keys derived from id, to dcid.
func quicSeal(id, dcid []byte, number byte, frames []byte) []byte {
	return quicSealAs(1, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", id, dcid, number, frames)
}

// quicSealAs does so for any version and salt, with the standard library's HKDF (RFC 9001 §5).
func quicSealAs(version uint32, salt string, id, dcid []byte, number byte, frames []byte) []byte {
	expand := func(secret []byte, label string, n int) []byte {
		info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "+label...)
		out, _ := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
		return out
	}
	initial, _ := hkdf.Extract(sha256.New, id, unhex(salt))
	secret := expand(initial, "client in", 32)
	nonce := expand(secret, "quic iv", 12)
	nonce[11] ^= number
	block, _ := aes.NewCipher(expand(secret, "quic key", 16))
	aead, _ := cipher.NewGCM(block)
	b := append(append(binary.BigEndian.AppendUint32([]byte{0xc0}, version), byte(len(dcid))), dcid...)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(1200-len(b)-2))
	at := len(b)
	b = append(b, number)
	b = aead.Seal(b, nonce, append(slices.Clone(frames), make([]byte, 1200-len(b)-16-len(frames))...), b)
	mask := make([]byte, 16)
	block, _ = aes.NewCipher(expand(secret, "quic hp", 16))
	block.Encrypt(mask, b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	b[at] ^= mask[1]
	return b
}

func quicCrypto(hello []byte, from, to int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{6}, 0x4000|uint16(from))
	return append(binary.BigEndian.AppendUint16(b, 0x4000|uint16(to-from)), hello[from:to]...)
}

// quicTalk is a hello over three datagrams, the last part first; the second goes to the ID chosen by the server.
func quicTalk(t testing.TB) talk {
	h := quicHello(t, "h3")
	third := len(h) / 3
	return udp(443,
		C(quicSeal(quicID, quicID, 0, quicCrypto(h, 2*third, len(h)))),
		SX("c0 00000001 00 04 0a0b0c0d 00 4020"+"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f"),
		C(quicSeal(quicID, []byte{10, 11, 12, 13}, 1, quicCrypto(h, third, 2*third))),
		C(quicSeal(quicID, quicID, 2, append([]byte{1, 0}, quicCrypto(h, 0, third)...))))
}

func TestQUIC(t *testing.T) {
	k := quicTalk(t)
	h := wantProtocol(t, k, "quic", `"quic":{"version":"1","user_agent":"Example/1.0"}`, `"version":"1.3"`,
		`"sni":"www.example.com"`, `"alpn":["h3"]`, `"ja4":"q13d`, `"ja3":"`)
	if h.Host != "www.example.com" || h.Outcome != dissect.Decided || h.Certificate != dissect.CertificateHidden ||
		h.Messages != 4 {
		t.Errorf("%+v", h)
	}
	k.Says = k.Says[:3] // the hello's start is missing
	if h := wantProtocol(t, k, "quic", `"version":"1"`); h.Host != "" || h.Outcome != dissect.Named {
		t.Errorf("%+v", h)
	}
	swapped := quicTalk(t).Swapped()
	if h := wantProtocol(t, swapped, "quic"); h.Host != "www.example.com" {
		t.Errorf("%+v", h)
	}
}

func TestQUICRetry(t *testing.T) {
	h, other := quicHello(t, "h3", stdtls.X25519), []byte("retried!")
	k := udp(443,
		C(quicSeal(quicID, quicID, 0, []byte{1})),
		S(append([]byte("\xf0\x00\x00\x00\x01\x00\x08"),
			append(slices.Clone(other), bytes.Repeat([]byte{9}, 40)...)...)),
		C(quicSeal(other, other, 1, quicCrypto(h, 0, len(h)))))
	if h := wantProtocol(t, k, "quic"); h.Host != "www.example.com" {
		t.Errorf("%+v", h)
	}
}

func TestQUICNames(t *testing.T) {
	for name, k := range map[string]talk{
		"handshake in mid-flow": udp(9999, CX("e0 00000001 08 0102030405060708 00 4014 0001020304050607 "+
			"08090a0b0c0d0e0f 00010203")),
		"server's negotiation": udp(
			9999, SX("80 00000000 08 0102030405060708 08 0102030405060708 00000001 0a0a0a0a")),
		"Q046 without its CHLO": udp(443, CX("c3 51303436 50 0102030405060708 00000001 aabbccddeeff")),
		"version that provokes": udp(
			443, C(append(unhex("c0 1a2a3a4a 08 0102030405060708 00 00 449e"), make([]byte, 1182)...))),
		"Facebook's": udp(443, CX("c0 faceb002 08 0102030405060708 00 00 4014 0001020304050607 "+
			"08090a0b0c0d0e0f 00010203")),
		"draft, captured in part": udp(443, CX("c0 ff00001d 08 0102030405060708 00 00 4014 0001020304050607 "+
			"08090a0b0c0d0e0f 00010203")),
	} {
		if h := listen(t, k); h.Protocol != "quic" {
			t.Errorf("%s: %q", name, h.Protocol)
		}
	}
	for name, k := range map[string]talk{
		"short header":           udp(443, CX("40 0102030405060708 00010203040506070809")),
		"negotiation of unknown": udp(443, SX("80 00000000 08 0102030405060708 00 12345678")),
		"length past the datagram's end": udp(
			443, CX("e0 00000001 08 0102030405060708 00 4015 0001020304050607 08090a0b0c0d0e0f 00010203")),
		"more behind the packet": udp(
			443, CX("e0 00000001 08 0102030405060708 00 4014 0001020304050607 08090a0b0c0d0e0f 00010203 00")),
		"a retry alone": udp(
			443, CX("f0 00000001 00 08 0102030405060708 000102030405060708090a0b0c0d0e0f 0001")),
		"negotiation without an ID": udp(443, SX("80 00000000 08 0102030405060708 00 00000001 0a0a0a0a")),
		"negotiation of mostly unknown": udp(
			443, SX("80 00000000 08 0102030405060708 08 0102030405060708 00000001 12345678 12345679")),
		"Q043 in lower case": udp(443, CX("09 0102030405060708 71303433 01 00")),
	} {
		if h := listen(t, k); h.Protocol == "quic" {
			t.Errorf("%s: named", name)
		}
	}
}

func TestQUICGoogle(t *testing.T) {
	k := udp(443, C(append(unhex("0d 0102030405060708 51303433 01 000102030405060708090a0b a001 0400"+
		"43484c4f 0200 0000 534e4900 0f000000 55414944 1a000000"), "www.example.comExample/1.0"...)))
	h := wantProtocol(t, k, "quic", `"version":"Q043"`, `"user_agent":"Example/1.0"`, `"sni":"www.example.com"`)
	if h.Host != "www.example.com" || h.Outcome != dissect.Decided {
		t.Errorf("%+v", h)
	}
	testTruncations(t, "quic", k, 14)
	wantNoAllocations(t, "quic", k)
}

// TestQUICGoogleEncrypted: Q050 has Google's frames and hello inside Initial packets of its own salt.
func TestQUICGoogleEncrypted(t *testing.T) {
	hello := append(unhex("43484c4f 0200 0000 534e4900 0f000000 55414944 1a000000"), "www.example.comExample/1.0"...)
	frames := append([]byte{7, 8, 0, byte(len(hello))}, hello...)
	k := udp(443, C(quicSealAs(0x51303530, "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45", quicID, quicID, 0, frames)))
	if h := wantProtocol(t, k, "quic", `"version":"Q050"`, `"user_agent":"Example/1.0"`); h.Host != "www.example.com" ||
		h.Outcome != dissect.Decided {
		t.Errorf("%+v", h)
	}
}

// TestQUICFacebook: builds of mvfst use the salt of draft 23, or of version 1.
func TestQUICFacebook(t *testing.T) {
	h := quicHello(t, "h3", stdtls.X25519)
	for _, salt := range []string{"c3eef712c72ebb5a11a7d2432bb46365bef9f502",
		"38762cf7f55934b34d179ae6a4c80cadccbb7f0a"} {
		k := udp(443, C(quicSealAs(0xfaceb00e, salt, quicID, quicID, 0, quicCrypto(h, 0, len(h)))))
		if h := wantProtocol(t, k, "quic", `"version":"mvfst-e"`); h.Host != "www.example.com" {
			t.Errorf("%+v", h)
		}
	}
}

// TestQUICManyIDs: an attacker's packets, each with another connection ID, neither exhaust the key derivation nor push
// out the client's keys.
func TestQUICManyIDs(t *testing.T) {
	h := quicHello(t, "h3")
	half := len(h) / 2
	says := []say{C(quicSeal(quicID, quicID, 0, quicCrypto(h, 0, half)))}
	for i := range 12 {
		id := []byte{byte(i), 1, 2, 3, 4, 5, 6, 7}
		says = append(says, C(quicSeal(quicID, id, 1, nil)[:600]),
			C(append(unhex("c0 00000001 08"),
				append(id, unhex("00 00 4014 0001020304050607 08090a0b0c0d0e0f 00010203")...)...)))
	}
	says = append(says[:8], C(quicSeal(quicID, quicID, 1, quicCrypto(h, half, len(h)))))
	if h := wantProtocol(t, udp(443, says...), "quic"); h.Host != "www.example.com" {
		t.Errorf("%+v", h)
	}
}

func TestQUICTruncations(t *testing.T) { testTruncations(t, "quic", quicTalk(t), 1200) }

// TestQUICAllocations: each call derives keys at most once, with three allocations.
func TestQUICAllocations(t *testing.T) {
	h := quicHello(t, "h3", stdtls.X25519)
	b := quicSeal(quicID, quicID, 0, quicCrypto(h, 0, len(h)))
	c := &dissect.Conversation{Transport: dissect.UDP, Datagrams: []dissect.Datagram{
		{Payload: b, Length: len(b), FromClient: true}}}
	var r dissect.Result
	p := &dissect.Protocol{Name: "quic"}
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(p)
		if inspectQUIC(c, &r) != dissect.Yes {
			t.Error("no")
		}
	}); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzQUIC(f *testing.F) { fuzzTalks(f, "quic", quicTalk(f)) }

func BenchmarkQUIC(b *testing.B) {
	h := quicHello(b, "h3", stdtls.X25519)
	packet := quicSeal(quicID, quicID, 0, quicCrypto(h, 0, len(h)))
	c := &dissect.Conversation{Transport: dissect.UDP, Datagrams: []dissect.Datagram{
		{Payload: packet, Length: len(packet), FromClient: true}}}
	var r dissect.Result
	p := &dissect.Protocol{Name: "quic"}
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(p)
		inspectQUIC(c, &r)
	}
}
