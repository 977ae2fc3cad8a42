// SPDX-License-Identifier: Apache-2.0

package stun

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The test vectors of RFC 5769 §2.1 to §2.3.
var (
	vectorRequest = unhex(`000100582112a442b7e7a701bc34d686fa87dfae 802200105354554e207465737420636c69656e74
		002400046e0001ff 80290008932ff9b151263b36 000600096576746a3a68367659 202020
		000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`)
	vectorResponse = unhex(`0101003c2112a442b7e7a701bc34d686fa87dfae 8022000b7465737420766563746f7220
		002000080001a147e112a643 000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004c07d4c96`)
	vectorResponse6 = unhex(`010100482112a442b7e7a701bc34d686fa87dfae 8022000b7465737420766563746f7220
		002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
		00080014a382954e4be67bf11784c97c8292c275bfe3ed41 80280004c8fb0b4c`)
	// A request of RFC 3489 with CHANGE-REQUEST, built by hand.
	classic = unhex("00010008 000102030405060708090a0b0c0d0e0f 0003000400000006")
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	var m Message
	if s := Parse(vectorRequest, &m); s != Valid || m.Class != Request || m.Method.Name() != "binding" || m.Classic ||
		m.Size != len(vectorRequest) {
		t.Errorf("request: state %d, %+v", s, m)
	}
	texts := map[Attribute]string{}
	for {
		a, v, ok := m.Next()
		if !ok {
			break
		}
		texts[a] = string(v)
	}
	if len(texts) != 6 || texts[Software] != "STUN test client" || texts[Username] != "evtj:h6vY" {
		t.Errorf("attributes %v", texts)
	}
	for want, b := range map[string][]byte{"192.0.2.1:32853": vectorResponse,
		"[2001:db8:1234:5678:11:2233:4455:6677]:32853": vectorResponse6} {
		if s := Parse(b, &m); s != Valid || m.Class != Success {
			t.Errorf("response: state %d, %+v", s, m)
		}
		m.Next()
		if a, v, _ := m.Next(); a != XORMappedAddress || m.Address(v, true).String() != want {
			t.Errorf("address %v of %x", m.Address(v, true), a)
		}
	}
	if s := Parse(classic, &m); s != Valid || !m.Classic || len(m.Transaction) != 16 {
		t.Errorf("classic: state %d, %+v", s, m)
	}
}

func TestMethodsAndClasses(t *testing.T) {
	for kind, want := range map[string]Message{
		"0003": {Method: Allocate}, "0113": {Method: Allocate, Class: Error}, "0016": {Method: Send, Class: Indication},
		"0109": {Method: ChannelBind, Class: Success}, "3eef": {Method: 0xfff}, "0800": {Method: 0x200},
	} {
		var m Message
		if s := Parse(unhex(kind+"00002112a442000000000000000000000000"), &m); s != Valid || m.Class != want.Class ||
			kind != "0800" && m.Method != want.Method {
			t.Errorf("%s: state %d, class %d, method %x", kind, s, m.Class, m.Method)
		}
	}
}

func TestInvalid(t *testing.T) {
	for name, h := range map[string]string{
		"first bits set":             "400100002112a442000000000000000000000000",
		"length no multiple of 4":    "000100022112a4420000000000000000000000000000",
		"attribute past the end":     "000100042112a44200000000000000000000000080220008",
		"attribute's value cut":      "000100082112a4420000000000000000000000008022000800000000",
		"classic: unknown method":    "0003000000000000000000000000000000000000",
		"classic: unknown attribute": "00010008000000000000000000000000000000004444000400000000",
		"classic: too long":          "0001ff0000000000000000000000000000000000",
	} {
		var m Message
		if s := Parse(unhex(h), &m); s != Invalid {
			t.Errorf("%s: state %d", name, s)
		}
	}
}

func TestTruncations(t *testing.T) {
	for _, b := range [][]byte{vectorRequest, vectorResponse, vectorResponse6, classic} {
		for n := range b {
			var m Message
			if s := Parse(b[:n], &m); s != Partial {
				t.Errorf("%d of %d bytes: state %d", n, len(b), s)
			}
			for {
				if _, _, ok := m.Next(); !ok {
					break
				}
			}
		}
	}
}

func TestAttributesAreBounded(t *testing.T) {
	b := append(unhex("000110002112a442000000000000000000000000"), make([]byte, 4096)...)
	var m Message
	Parse(b, &m)
	n := 0
	for {
		if _, _, ok := m.Next(); !ok {
			break
		}
		n++
	}
	if n != MaxAttributes {
		t.Errorf("%d attributes", n)
	}
}

func TestNoAllocations(t *testing.T) {
	var m Message
	if n := testing.AllocsPerRun(100, func() {
		Parse(vectorResponse, &m)
		m.Next()
		_, v, _ := m.Next()
		m.Address(v, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range [][]byte{vectorRequest, vectorResponse, vectorResponse6, classic} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		if Parse(b, &m) == Valid && m.Size > len(b) {
			t.Errorf("a message of %d in %d bytes", m.Size, len(b))
		}
		for {
			_, v, ok := m.Next()
			if !ok {
				break
			}
			m.Address(v, true)
		}
	})
}
