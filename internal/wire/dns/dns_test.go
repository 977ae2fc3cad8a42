// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func bytesOf(h string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(h))
	if err != nil {
		panic(err)
	}
	return b
}

// header is 12 bytes, so the first section begins at offset 12.
const header = "1234 8180 0001 0001 0000 0000 "

// answer is a hand-made www.example.com A 192.0.2.1 whose answer name is compressed.
const answer = header + "03777777 076578616d706c65 03636f6d 00 0001 0001" + "c00c 0001 0001 00000e10 0004 c0000201"

// TestNames covers the mistakes that RFC 9267 lists, and their valid neighbours.
func TestNames(t *testing.T) {
	long := strings.Repeat("3f"+strings.Repeat("61", 63), 3)
	tests := []struct {
		name, body string
		at         int
		want       string
		err        error
	}{
		{"root", "00", 12, "", nil},
		{"two labels", "01610162 00", 12, "a.b", nil},
		{"pointer to an earlier name", "0161 00 0162 c00c", 15, "b.a", nil},
		{"dot and backslash in a label", "03612e62 015c 00", 12, `a\.b.\\`, nil},
		{"255 bytes", long + "3d" + strings.Repeat("62", 61) + "00", 12, strings.Repeat(strings.Repeat("a", 63)+".",
			3) + strings.Repeat("b", 61), nil},
		{"256 bytes", long + "3e" + strings.Repeat("62", 62) + "00", 12, "", ErrName},
		{"pointer to itself (RFC 9267 §2)", "c00c", 12, "", ErrPointer},
		{"pointer forwards (RFC 9267 §2)", "c00e 0161 00", 12, "", ErrPointer},
		{"pointer after a label to its own start (RFC 9267 §2)", "0161 c00c", 12, "", ErrPointer},
		{"pointer into the header (RFC 9267 §2)", "c004", 12, "", ErrPointer},
		{"pointer past the message (RFC 9267 §2)", "ffff", 12, "", ErrPointer},
		{"cut pointer (RFC 9267 §2)", "c0", 12, "", ErrTruncated},
		{"label type 01 (RFC 9267 §3)", "41 00", 12, "", ErrLabel},
		{"label type 10 (RFC 9267 §3)", "80 00", 12, "", ErrLabel},
		{"no end (RFC 9267 §4)", "0161", 12, "", ErrTruncated},
		{"label past the message (RFC 9267 §3)", "0561", 12, "", ErrTruncated},
	}
	for _, test := range tests {
		msg := bytesOf(header + test.body)
		got, err := AppendName(nil, msg, test.at)
		if !errors.Is(err, test.err) || err == nil && string(got) != test.want {
			t.Errorf("%s: %q, %v; want %q, %v", test.name, got, err, test.want, test.err)
		}
		if _, err := SkipName(msg, test.at); (err == nil) != (test.err == nil) {
			t.Errorf("%s: SkipName: %v, want %v", test.name, err, test.err)
		}
	}
}

func TestPointerChainThatGrows(t *testing.T) {
	// Each pointer goes back, but the name is longer than 255 bytes: one label of 63 and then pointers to labels before
	// it.
	msg := bytesOf(header + "3f" + strings.Repeat("61", 63) + "00")
	for range 8 {
		previous := len(msg) - 65
		if previous > 12 {
			previous = len(msg) - 66
		}
		msg = append(msg, 0x3f)
		msg = append(msg, bytesOf(strings.Repeat("62", 63))...)
		msg = append(msg, 0xc0|byte(previous>>8), byte(previous))
	}
	if _, err := AppendName(nil, msg, len(msg)-66); !errors.Is(err, ErrName) {
		t.Errorf("error %v, want %v", err, ErrName)
	}
}

func TestRecords(t *testing.T) {
	msg := bytesOf(answer)
	h, err := ParseHeader(msg)
	if err != nil || !h.IsResponse() || h.ID != 0x1234 || h.Opcode() != OpQuery || h.RCode() != 0 || h.Records() != 1 {
		t.Fatalf("header %+v, %v", h, err)
	}
	q, off, err := ParseQuestion(msg, HeaderSize)
	if err != nil || q.Type != TypeA || q.Class != ClassIN {
		t.Fatalf("question %+v, %v", q, err)
	}
	r, off, err := ParseRecord(msg, off)
	if err != nil || off != len(msg) || r.TTL != 3600 || len(r.Data) != 4 || !EqualNames(msg, q.Name, r.Name) {
		t.Fatalf("record %+v ends at %d, %v", r, off, err)
	}
	for n := range msg { // RFC 9267 §5 and §6: lengths and counts past the end
		cut := msg[:n]
		if _, err := ParseHeader(cut); (err == nil) != (n >= HeaderSize) {
			t.Errorf("header of %d bytes: %v", n, err)
		}
		if _, off, err := ParseQuestion(cut, HeaderSize); err == nil {
			if _, _, err := ParseRecord(cut, off); err == nil {
				t.Errorf("record from %d bytes of %d", n, len(msg))
			}
		}
	}
}

func TestEqualNames(t *testing.T) {
	msg := bytesOf(header + "0161 0162 00" + "0141 c00e" + "0161 0163 00")
	if !EqualNames(msg, 12, 17) || EqualNames(msg, 12, 21) || EqualNames(msg, 12, 14) || EqualNames(msg, 12, 99) {
		t.Error("comparison without regard to case is wrong")
	}
}

// TestService combines the test vectors of RFC 9460 appendix D.2, "mandatory and alpn" and "ipv6hint".
func TestService(t *testing.T) {
	data := bytesOf("0001 03666f6f 076578616d706c65 03636f6d 00" + "0000 0004 0001 0004" +
		"0001 0009 02683205 68332d3139" + "0004 0004 c0000201")
	msg := append(bytesOf(header), data...)
	s, err := ParseService(msg, &Record{Offset: 12, Data: msg[12:]})
	if err != nil || s.Priority != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	var keys []int
	for key, rest := -1, s.Parameters; ; {
		var err error
		if key, _, rest, err = NextParameter(rest, key); err != nil {
			t.Fatal(err)
		}
		if key < 0 {
			break
		}
		keys = append(keys, key)
	}
	if len(keys) != 3 || keys[0] != KeyMandatory || keys[1] != KeyALPN || keys[2] != KeyIPv4Hint {
		t.Errorf("keys %v", keys)
	}
	if _, _, _, err := NextParameter(bytesOf("0001 0000"), 1); !errors.Is(err, ErrParameter) {
		t.Error("a repeated key passes")
	}
	if _, _, _, err := NextParameter(bytesOf("0001 0002 00"), -1); !errors.Is(err, ErrTruncated) {
		t.Error("a cut parameter passes")
	}
}

func TestNoAllocations(t *testing.T) {
	msg := bytesOf(answer)
	n := testing.AllocsPerRun(100, func() {
		var name [MaxText]byte
		q, off, _ := ParseQuestion(msg, HeaderSize)
		r, _, _ := ParseRecord(msg, off)
		if got, err := AppendName(name[:0], msg, r.Name); err != nil || len(got) == 0 ||
			!EqualNames(msg, q.Name, r.Name) {
			panic("wrong")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(bytesOf(answer))
	f.Add(bytesOf(header + "0161 c00c"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		_, _ = ParseHeader(msg)
		_, off, err := ParseQuestion(msg, HeaderSize)
		for err == nil {
			before := off
			var r Record
			r, off, err = ParseRecord(msg, off)
			if err != nil {
				break
			}
			if off <= before || off > len(msg) {
				t.Fatalf("record at %d ends at %d of %d", before, off, len(msg))
			}
			name, nameErr := AppendName(nil, msg, r.Name)
			if len(name) > MaxText || nameErr == nil && !EqualNames(msg, r.Name, r.Name) {
				t.Fatalf("name %q of %d bytes", name, len(name))
			}
			EqualNames(msg, HeaderSize, r.Name)
			if s, err := ParseService(msg, &r); err == nil {
				for key, rest := -1, s.Parameters; err == nil; {
					if key, _, rest, err = NextParameter(rest, key); key < 0 {
						break
					}
				}
			}
		}
	})
}
