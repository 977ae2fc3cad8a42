// SPDX-License-Identifier: Apache-2.0

package ber

import (
	"bytes"
	"testing"
)

// nested is SEQUENCE { INTEGER -129, OCTET STRING "ab" }, with the long form of length (X.690 §8.1.3.5).
var nested = []byte{0x30, 0x81, 0x08, 0x02, 0x02, 0xff, 0x7f, 0x04, 0x02, 'a', 'b'}

func TestNested(t *testing.T) {
	body, rest, ok := Expect(nested, Sequence)
	if !ok || len(rest) != 0 {
		t.Fatalf("sequence: %x %x %v", body, rest, ok)
	}
	n, body, ok := ExpectInt(body)
	if !ok || n != -129 {
		t.Errorf("integer %d, %v", n, ok)
	}
	if s, rest, ok := Expect(body, OctetString); !ok || !bytes.Equal(s, []byte("ab")) || len(rest) != 0 {
		t.Errorf("string %q, %v", s, ok)
	}
	for n := range nested {
		if _, _, _, ok := Next(nested[:n]); ok {
			t.Errorf("whole element from %d bytes", n)
		}
	}
	if value, whole, ok := Enter(nested[:6], Sequence); !ok || whole || len(value) != 3 {
		t.Errorf("cut sequence: %x %v %v", value, whole, ok)
	}
}

func TestRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"indefinite length": {0x30, 0x80, 0, 0}, "length of five octets": {0x30, 0x85, 0, 0, 0, 0, 0},
		"tag of several octets": {0x3f, 0x20, 0x00}, "length past the end": {0x04, 0x03, 'a', 'b'}, "nothing": {},
	} {
		if _, _, _, ok := Next(b); ok {
			t.Errorf("%s passes", name)
		}
	}
	if _, ok := Int(make([]byte, 9)); ok {
		t.Error("an integer of nine octets passes")
	}
}

func FuzzNext(f *testing.F) {
	f.Add(nested)
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, value, rest, ok := Next(b)
			if !ok {
				return
			}
			if len(value)+len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			Int(value)
			b = rest
		}
	})
}
