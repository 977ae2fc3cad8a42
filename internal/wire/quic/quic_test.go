// SPDX-License-Identifier: Apache-2.0

package quic

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/wire/tls"
)

func unhex(h string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(h))
	if err != nil {
		panic(err)
	}
	return b
}

// sealer is the encrypting twin of Keys, on the standard library's HKDF.
type sealer struct{ key, iv, header []byte }

func newSealer(v Version, dcid []byte, server bool) sealer {
	side, prefix := "client in", "quic "
	if server {
		side = "server in"
	}
	if v == V2 {
		prefix = "quicv2 "
	}
	expand := func(secret []byte, label string, n int) []byte {
		info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "+label...)
		out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
		if err != nil {
			panic(err)
		}
		return out
	}
	initial, err := hkdf.Extract(sha256.New, dcid, []byte(v.salt()))
	if err != nil {
		panic(err)
	}
	secret := expand(initial, side, 32)
	return sealer{expand(secret, prefix+"key", 16), expand(secret, prefix+"iv", 12), expand(secret, prefix+"hp", 16)}
}

// seal makes an Initial packet of size bytes, filled with PADDING, with a 4-byte packet number.
func (s sealer) seal(v Version, dcid, scid, token []byte, number uint32, frames []byte, size int) []byte {
	first := byte(0xc3)
	if v == V2 {
		first = 0xd3
	}
	b := binary.BigEndian.AppendUint32([]byte{first}, uint32(v))
	b = append(append(b, byte(len(dcid))), dcid...)
	b = append(append(b, byte(len(scid))), scid...)
	b = append(append(b, byte(len(token))), token...)
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(size-len(b)-2))
	at := len(b)
	b = binary.BigEndian.AppendUint32(b, number)
	payload := append(slices.Clone(frames), make([]byte, size-len(b)-16-len(frames))...)
	block, _ := aes.NewCipher(s.key)
	aead, _ := cipher.NewGCM(block)
	nonce := slices.Clone(s.iv)
	for i := range 4 {
		nonce[8+i] ^= b[at+i]
	}
	b = aead.Seal(b, nonce, payload, b)
	block, _ = aes.NewCipher(s.header)
	mask := make([]byte, 16)
	block.Encrypt(mask, b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	for i := range 4 {
		b[at+i] ^= mask[1+i]
	}
	return b
}

// cryptoFrame builds a CRYPTO frame.
func cryptoFrame(offset int, data []byte) []byte {
	b := []byte{frameCrypto, 0x80 | byte(offset>>24), byte(offset >> 16), byte(offset >> 8), byte(offset)}
	return append(binary.BigEndian.AppendUint16(b, 0x4000|uint16(len(data))), data...)
}

// The example of RFC 9001, Appendix A.
var (
	exampleID    = unhex("8394c8f03e515708")
	exampleFrame = unhex(`
		060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000
		c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500
		050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003
		020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff050480
		00ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff`)
	exampleHello = exampleFrame[4:]
)

func TestKeys(t *testing.T) {
	for name, c := range map[string]struct {
		version         Version
		server          bool
		key, iv, header string
	}{
		"RFC 9001 A.1, client": {V1, false, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
			"9f50449e04a0e810283a1e9933adedd2"},
		"RFC 9001 A.1, server": {V1, true, "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e",
			"c206b8d9b9f0f37644430b490eeaa314"},
		"RFC 9369 A.1, client": {V2, false, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
			"45b95e15235d6f45a6b19cbcb0294ba9"},
		"RFC 9369 A.1, server": {V2, true, "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652",
			"edf6d05c83121201b436e16877593c3a"},
	} {
		want := sealer{unhex(c.key), unhex(c.iv), unhex(c.header)}
		if got := newSealer(c.version, exampleID, c.server); !bytes.Equal(got.key, want.key) ||
			!bytes.Equal(got.iv, want.iv) || !bytes.Equal(got.header, want.header) {
			t.Errorf("%s: the twin gives %x", name, got)
		}
		var k Keys
		k.Derive(c.version, exampleID, c.server)
		block, _ := aes.NewCipher(want.header)
		var a, b [16]byte
		block.Encrypt(a[:], a[:])
		k.header.Encrypt(b[:], b[:])
		block, _ = aes.NewCipher(want.key)
		aead, _ := cipher.NewGCM(block)
		if a != b || !bytes.Equal(k.iv[:], want.iv) || !bytes.Equal(aead.Seal(nil, want.iv, nil, nil),
			k.aead.Seal(nil, want.iv, nil, nil)) {
			t.Errorf("%s: wrong keys", name)
		}
	}
}

// TestExamplePackets compares with the first and last bytes of the client's packets in RFC 9001 A.2 and RFC 9369 A.2.
func TestExamplePackets(t *testing.T) {
	for v, want := range map[Version][2]string{
		V1: {"c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b",
			"e221af44860018ab0856972e194cd934"},
		V2: {"d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071", ""},
	} {
		packet := newSealer(v, exampleID, false).seal(v, exampleID, nil, nil, 2, exampleFrame, 1200)
		if !bytes.HasPrefix(packet, unhex(want[0])) || !bytes.HasSuffix(packet, unhex(want[1])) {
			t.Errorf("version %x: packet %x", v, packet)
		}
		if hello := readHello(t, packet); hello == nil || string(hello.ServerName) != "example.com" {
			t.Errorf("version %x: %+v", v, hello)
		}
	}
}

// readHello reads the ClientHello from datagrams of one client; nil if it is incomplete.
func readHello(t testing.TB, datagrams ...[]byte) *tls.ClientHello {
	t.Helper()
	var k Keys
	var s Scratch
	c := new(Crypto)
	for i, b := range datagrams {
		before := slices.Clone(b)
		var h Header
		for rest, ok := h.Parse(b, 0); ok; rest, ok = h.Parse(rest, 0) {
			if h.Type != Initial {
				continue
			}
			if i == 0 && k.aead == nil {
				k.Derive(h.Version, h.DCID, false)
			}
			if payload, ok := k.Open(&h, &s); ok {
				c.Frames(h.Version, payload)
			}
		}
		if !bytes.Equal(before, b) {
			t.Fatal("the datagram was changed")
		}
	}
	m, _, _ := tls.ParseMessage(c.Bytes())
	hello := new(tls.ClientHello)
	if hello.Parse(&m, false) != tls.Valid {
		return nil
	}
	return hello
}

func TestHelloAcrossDatagrams(t *testing.T) {
	s, pieces := newSealer(V1, exampleID, false), [][]byte{
		cryptoFrame(0, exampleHello[:90]), cryptoFrame(80, exampleHello[80:170]), cryptoFrame(160, exampleHello[160:])}
	var datagrams [][]byte
	for i, p := range pieces {
		frames := slices.Concat([]byte{framePing}, p, []byte{frameACK, 1, 0, 1, 0, 0, 0, framePadding, frameACKECN, 1,
			0, 0, 0, 1, 2, 3})
		datagrams = append(datagrams, s.seal(V1, exampleID, nil, nil, uint32(i), frames, 1200))
	}
	slices.Reverse(datagrams)
	if h := readHello(t, datagrams...); h == nil || string(h.ServerName) != "example.com" {
		t.Errorf("reversed: %+v", h)
	}
	for i := range datagrams {
		if h := readHello(t, slices.Delete(slices.Clone(datagrams), i, i+1)...); h != nil {
			t.Errorf("without datagram %d: %+v", i, h)
		}
	}
}

func TestHelloInManyFrames(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var frames []byte
	for _, i := range random.Perm(len(exampleHello)) {
		frames = append(frames, cryptoFrame(i, exampleHello[i:i+1])...)
	}
	b := newSealer(V1, exampleID, false).seal(V1, exampleID, nil, nil, 0, frames, 2048)
	if h := readHello(t, b); h == nil || string(h.ServerName) != "example.com" {
		t.Errorf("%+v", h)
	}
}

func TestCoalesced(t *testing.T) {
	initial := newSealer(V1, exampleID, false).seal(V1, exampleID, []byte{1, 2, 3}, []byte("token"), 1<<31,
		exampleFrame, 600)
	zeroRTT := append(unhex("d000000001 08 8394c8f03e515708 00 4064"), make([]byte, 100)...)
	for name, b := range map[string][]byte{"Initial first": append(slices.Clone(initial), zeroRTT...),
		"Initial last": append(slices.Clone(zeroRTT), initial...)} {
		if h := readHello(t, b); h == nil {
			t.Error(name)
		}
	}
	var h Header
	rest, ok := h.Parse(append(initial, zeroRTT...), 0)
	if !ok || string(h.Token) != "token" || !bytes.Equal(h.SCID, []byte{1, 2, 3}) || len(h.Packet) != 600 ||
		len(rest) != len(zeroRTT) {
		t.Errorf("%v %+v", ok, h)
	}
	if rest, ok = h.Parse(rest, 0); !ok || h.Type != ZeroRTT || len(rest) > 0 {
		t.Errorf("%v %+v", ok, h)
	}
}

func TestHeaders(t *testing.T) {
	long := func(first byte, v Version, tail string) []byte {
		b := binary.BigEndian.AppendUint32([]byte{first}, uint32(v))
		return append(b, unhex("08 0102030405060708 02 aabb"+tail)...)
	}
	packet := "4014 00000000" + strings.Repeat("00", 16)
	full := append(long(0xc0, 0x1a2a3a4a, "00 449c"), make([]byte, 1200-20)...)
	for name, c := range map[string]struct {
		b       []byte
		missing int
		ok      bool
		kind    Type
		version string
	}{
		"Initial":               {long(0xc0, 1, "00"+packet), 0, true, Initial, "1"},
		"Handshake":             {long(0xe0, 1, packet), 0, true, Handshake, "1"},
		"Initial of v2":         {long(0xd0, V2, "00"+packet), 0, true, Initial, "2"},
		"Handshake of v2":       {long(0xf0, V2, packet), 0, true, Handshake, "2"},
		"draft":                 {long(0xc0, drafts+29, "00"+packet), 0, true, Initial, "draft-29"},
		"mvfst":                 {long(0xc0, mvfst+2, "00"+packet), 0, true, Initial, "mvfst-2"},
		"Retry":                 {long(0xf0, 1, strings.Repeat("ee", 40)), 0, true, Retry, "1"},
		"Retry without token":   {long(0xf0, 1, strings.Repeat("ee", 16)), 0, false, 0, ""},
		"negotiation":           {long(0x80, 0, "00000001 0a1a2a3a"), 0, true, VersionNegotiation, "0x0"},
		"negotiation cut":       {long(0x80, 0, "00000001 0a1a2a"), 0, false, 0, ""},
		"length past the end":   {long(0xc0, 1, "00"+packet)[:30], 0, false, 0, ""},
		"cut by the capture":    {long(0xc0, 1, "00"+packet)[:30], 10, true, Initial, "1"},
		"no fixed bit":          {long(0x80, 1, "00"+packet), 0, false, 0, ""},
		"short header":          {long(0x40, 1, "00"+packet), 0, false, 0, ""},
		"unknown version":       {long(0xc0, 7, "00"+packet), 0, false, 0, ""},
		"reserved version":      {full, 0, true, Initial, "0x1a2a3a4a"},
		"reserved, not full":    {long(0xc0, 0x1a2a3a4a, "00"+packet), 0, false, 0, ""},
		"token past the end":    {long(0xc0, 1, "7fff"+packet), 0, false, 0, ""},
		"Q046":                  {unhex("c3 51303436 50 0102030405060708 00000001 00"), 0, true, ClearText, "Q046"},
		"Q046 of the server":    {unhex("c3 51303436 05 0102030405060708 00000001 00"), 0, true, ClearText, "Q046"},
		"Q043":                  {unhex("09 0102030405060708 51303433 01 00"), 0, true, ClearText, "Q043"},
		"Q043 without version":  {unhex("08 0102030405060708 51303433 01 00"), 0, false, 0, ""},
		"Q999":                  {unhex("09 0102030405060708 51393939 01 00"), 0, false, 0, ""},
		"Q050":                  {long(0xc0, 0x51303530, "00"+packet), 0, true, Initial, "Q050"},
		"connection ID too big": {append(unhex("c0 00000001 15"), make([]byte, 60)...), 0, false, 0, ""},
	} {
		var h Header
		_, ok := h.Parse(c.b, c.missing)
		if ok != c.ok || ok && (h.Type != c.kind || string(h.Version.AppendName(nil)) != c.version) {
			t.Errorf("%s: %v %+v", name, ok, h)
		}
	}
}

func TestVersions(t *testing.T) {
	names := map[Version]string{V1: "1", V2: "2", drafts + 27: "draft-27", mvfst + 0xe: "mvfst-e", 0x54303531: "T051",
		0x51303234: "Q024", 0x51303530: "Q050"}
	for v, want := range names {
		if got := string(v.AppendName(nil)); got != want || !v.Known() {
			t.Errorf("%x: %s", v, got)
		}
	}
	for _, v := range []Version{0, 2, drafts + 20, drafts + 35, 0x51303030, 0x51303531, 0x54303439, 0x5130303a,
		0x0a1a2a3a} {
		if v.Known() {
			t.Errorf("%x is known", v)
		}
	}
	salts := map[string]int{}
	for _, v := range []Version{V1, V2, drafts + 22, drafts + 28, drafts + 29, drafts + 33, 0x51303530, 0x54303530,
		0x54303531, mvfst + 1, mvfst + 2} {
		if len(v.salt()) != 20 {
			t.Errorf("%x: salt of %d bytes", v, len(v.salt()))
		}
		salts[v.salt()]++
	}
	if len(salts) != 8 || !(Version(0x5a6a7a8a)).IsReserved() {
		t.Errorf("%d salts", len(salts))
	}
	if h := (&Header{SCID: exampleID, Versions: unhex("0a0a0a0a 00000001")}); !h.Negotiates() {
		t.Error("version 1 not among the versions")
	}
	for name, h := range map[string]*Header{
		"no connection ID":      {Versions: unhex("0a0a0a0a 00000001")},
		"unknown versions only": {SCID: exampleID, Versions: unhex("12345678 23456789")},
		"version 0":             {SCID: exampleID, Versions: unhex("00000001 00000000")},
	} {
		if h.Negotiates() {
			t.Errorf("%s: taken for a negotiation", name)
		}
	}
}

// TestOtherSalts: Open decrypts the twin's packets under each version's salt, Google's frames included.
func TestOtherSalts(t *testing.T) {
	googles := append([]byte{frameGooglePing, frameGoogleCrypto}, exampleFrame[1:]...)
	for v, frames := range map[Version][]byte{drafts + 22: exampleFrame, drafts + 27: exampleFrame, drafts +
		29: exampleFrame, drafts + 34: exampleFrame,
		mvfst + 1: exampleFrame, mvfst + 2: exampleFrame, 0x54303530: googles, 0x54303531: googles} {
		if h := readHello(t, newSealer(v, exampleID, false).seal(v, exampleID, nil, nil, 0, frames, 1200)); h == nil {
			t.Errorf("%s", v.AppendName(nil))
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := newSealer(V1, exampleID, false).seal(V1, exampleID, nil, nil, 0, exampleFrame, 1200)
	for _, i := range []int{0, 5, 17, 18, 30, 1199} {
		b := slices.Clone(good)
		b[i] ^= 1
		var h Header
		var k Keys
		h.Parse(b, 0)
		k.Derive(V1, exampleID, false)
		if _, ok := k.Open(&h, new(Scratch)); ok {
			t.Errorf("byte %d changed, and opened", i)
		}
	}
	for n := range good {
		if h := readHello(t, good[:n]); h != nil {
			t.Fatalf("a hello of %d bytes", n)
		}
	}
}

func TestFramesRefuse(t *testing.T) {
	for name, b := range map[string]string{
		"stream": "0a 00 01 41", "CRYPTO cut": "06 00 05 01", "CRYPTO without length": "06 00",
		"ACK cut": "02 01 00 05 00", "ACK of many ranges": "02 01 00 bfffffff 00",
	} {
		if new(Crypto).Frames(V1, unhex(b)) {
			t.Error(name)
		}
	}
	c := new(Crypto)
	far := unhex("06 ffffffffffffffff 01 41 06 5fff 02 4242 06 9fffffff 00 1c 00")
	if !c.Frames(V1, far) || len(c.Bytes()) != 0 {
		t.Errorf("data far off: %x", c.Bytes())
	}
	if !c.Frames(V1, append(cryptoFrame(0, make([]byte, MaxCrypto)), cryptoFrame(0, []byte{9})...)) ||
		len(c.Bytes()) != MaxCrypto || c.Bytes()[0] != 0 {
		t.Error("a full buffer")
	}
}

// chlo builds a CHLO ("QUIC Crypto").
func chlo(values ...string) []byte {
	b := []byte("CHLO")
	b = binary.LittleEndian.AppendUint32(b, uint32(len(values)/2))
	end, text := 0, ""
	for i := 0; i < len(values); i += 2 {
		end += len(values[i+1])
		b = binary.LittleEndian.AppendUint32(append(b, values[i]...), uint32(end))
		text += values[i+1]
	}
	return append(b, text...)
}

func TestGoogleHello(t *testing.T) {
	message := chlo("PAD\x00", strings.Repeat("-", 30), "SNI\x00", "www.example.com", "VER\x00", "Q043", "UAID",
		"Example/1.0")
	packet := append(unhex("0d 0102030405060708 51303433 01 aabbccddeeff001122334455 a001 0400"), message...)
	var h Header
	var g Hello
	if _, ok := h.Parse(packet, 0); !ok || !g.ParseClear(&h) || string(g.ServerName) != "www.example.com" ||
		string(g.UserAgent) != "Example/1.0" {
		t.Errorf("%+v %+v", h, g)
	}
	for n := range message {
		if g.Parse(message[:n]); string(g.UserAgent) != "" {
			t.Errorf("%d bytes: %+v", n, g)
		}
	}
	for name, b := range map[string][]byte{"no tags": chlo(), "offsets that fall": append(
		unhex("43484c4f 0200 0000 534e4900 05000000 55414944 01000000"), "abcdefgh"...)} {
		if g.Parse(b) {
			t.Error(name)
		}
	}
}

func TestUserAgent(t *testing.T) {
	if got := string(UserAgent(unhex("0104 80007530 7129 03 414243 00"))); got != "ABC" {
		t.Errorf("%q", got)
	}
	for _, b := range []string{"", "01", "0105 00", "7129 04 414243"} {
		if got := UserAgent(unhex(b)); got != nil {
			t.Errorf("%s: %q", b, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(newSealer(V1, exampleID, false).seal(V1, exampleID, nil, nil, 2, exampleFrame, 300), 0)
	f.Add(unhex("09 0102030405060708 51303433 01 00"), 0)
	f.Add(exampleFrame, 3)
	f.Fuzz(func(t *testing.T, b []byte, missing int) {
		missing &= 0xff
		var h Header
		var k Keys
		var s Scratch
		c := new(Crypto)
		for rest, ok := h.Parse(b, missing); ok; rest, ok = h.Parse(rest, missing) {
			if len(rest)+len(h.Packet) > len(b) {
				t.Fatal("more than there was")
			}
			if h.Type == Initial {
				k.Derive(h.Version, h.DCID, false)
				k.Open(&h, &s)
			}
			new(Hello).ParseClear(&h)
			h.Negotiates()
		}
		c.Frames(V1, b)
		c.Frames(0x54303531, b)
		c.Bytes()
		new(Hello).Parse(b)
		UserAgent(b)
	})
}

// openHello reads an Initial up to its SNI.
func openHello(packet []byte, k *Keys, s *Scratch, c *Crypto, hello *tls.ClientHello) bool {
	var h Header
	if _, ok := h.Parse(packet, 0); !ok {
		return false
	}
	k.Derive(h.Version, h.DCID, false)
	payload, ok := k.Open(&h, s)
	c.Reset()
	if !ok || !c.Frames(h.Version, payload) {
		return false
	}
	m, _, _ := tls.ParseMessage(c.Bytes())
	return hello.Parse(&m, false) == tls.Valid
}

func TestAllocations(t *testing.T) {
	packet := newSealer(V1, exampleID, false).seal(V1, exampleID, nil, nil, 2, exampleFrame, 1200)
	var k Keys
	var s Scratch
	var hello tls.ClientHello
	c := new(Crypto)
	if n := testing.AllocsPerRun(100, func() { openHello(packet, &k, &s, c, &hello) }); n > 3 ||
		string(hello.ServerName) != "example.com" {
		t.Errorf("%v allocations; the two keys and the mode of AES are 3", n)
	}
}

func BenchmarkInitialToSNI(b *testing.B) {
	packet := newSealer(V1, exampleID, false).seal(V1, exampleID, nil, nil, 2, exampleFrame, 1200)
	var k Keys
	var s Scratch
	var hello tls.ClientHello
	c := new(Crypto)
	b.ReportAllocs()
	for b.Loop() {
		if !openHello(packet, &k, &s, c, &hello) {
			b.Fatal("not opened")
		}
	}
}

// BenchmarkFramesCrafted reads a packet full of the smallest frames.
func BenchmarkFramesCrafted(b *testing.B) {
	frames := bytes.Repeat([]byte{frameCrypto, 0, 0}, MaxDatagram/3)
	c := new(Crypto)
	b.SetBytes(int64(len(frames)))
	for b.Loop() {
		c.Frames(V1, frames)
	}
}
