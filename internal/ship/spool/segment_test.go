// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/ship/compress"
)

func segment(l label, body []byte, e compress.Encoding) []byte {
	h := header{l, e, 1, uint64(len(body)), crc32.Checksum(body, castagnoli)}
	return append(h.append(nil), body...)
}

var someLabel = label{position{3, 1 << 40}, Epoch{1, 2, 3, 15: 9}}

// TestDamage: of a segment cut anywhere, or with any bit flipped, nothing is read. WEIR_SEGMENT_BYTES is its
// size.
func TestDamage(t *testing.T) {
	body := make([]byte, numberOf("WEIR_SEGMENT_BYTES", 3000+headerSize)-headerSize)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	whole := segment(someLabel, body, compress.Zstd)
	if h, got, err := readSegment(bytes.NewReader(whole)); err != nil || h.label != someLabel ||
		!bytes.Equal(got, body) || h.encoding != compress.Zstd || h.time != 1 {
		t.Fatalf("%+v %v", h, err)
	}
	isDamaged := func(b []byte) bool {
		_, got, err := readSegment(bytes.NewReader(b))
		return errors.Is(err, errDamaged) && got == nil
	}
	for cut := range whole {
		if !isDamaged(whole[:cut]) {
			t.Errorf("a segment cut at %d is read", cut)
		}
	}
	for bit := range 8 * len(whole) {
		b := slices.Clone(whole)
		if b[bit/8] ^= 1 << (bit % 8); !isDamaged(b) {
			t.Errorf("a segment with bit %d flipped is read", bit)
		}
	}
	if !isDamaged(append(slices.Clone(whole), 0)) {
		t.Error("a segment with a byte more is read")
	}
}

func TestPointerDamage(t *testing.T) {
	p := somePointer()
	whole := p.append(nil)
	if got, err := parsePointer(whole); err != nil || !bytes.Equal(got.append(nil), whole) || got.next != p.next ||
		!slices.Equal(got.lost, p.lost) || !slices.Equal(got.told, p.told) {
		t.Fatalf("%+v %v", got, err)
	}
	for cut := range whole {
		if _, err := parsePointer(whole[:cut]); !errors.Is(err, errDamaged) {
			t.Errorf("a pointer cut at %d: %v", cut, err)
		}
	}
	for bit := range 8 * len(whole) {
		b := slices.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := parsePointer(b); !errors.Is(err, errDamaged) {
			t.Errorf("a pointer with bit %d flipped: %v", bit, err)
		}
	}
}

func somePointer() pointer {
	return pointer{Epoch{7}, 2, 99, position{1, 5}, lost{{Epoch{6}, 1, 4, 4}, {Epoch{7}, 90, 98, 2}},
		tellings{{Range{Epoch{6}, 5, 6, 2}, position{1, 8}, position{2, 9}}}}
}

func TestLostIsBounded(t *testing.T) {
	var l lost
	for n := range uint64(3 * maxRanges) {
		l = l.add(Range{Epoch{1}, 2*n + 1, 2*n + 1, 1})
	}
	if len(l) != maxRanges || l.reports() != 3*maxRanges || l[0].First != 1 {
		t.Errorf("%d ranges, %d reports, first %+v", len(l), l.reports(), l[0])
	}
	l, _ = l.told(slices.Clone(l[:2]))
	if len(l) != maxRanges-2 {
		t.Errorf("%d ranges after two were told", len(l))
	}
	for n := range byte(200) {
		for range 2 {
			l = l.add(Range{Epoch{2, n}, 1, 1, 1})
		}
	}
	if len(l) > maxRanges {
		t.Errorf("%d ranges of many epochs", len(l))
	}
	p := somePointer()
	p.lost = l
	if got, err := parsePointer(p.append(nil)); err != nil || !slices.Equal(got.lost, l) {
		t.Errorf("a full pointer: %v", err)
	}
}

func TestToldWhileMoreIsLost(t *testing.T) {
	e := Epoch{1}
	l := lost{}.add(Range{e, 1, 3, 3})
	told := slices.Clone(l)
	l = l.add(Range{e, 4, 5, 2})
	l, taken := l.told(told)
	want(t, "lost", l, []Range{{e, 4, 5, 2}})
	want(t, "taken", taken, told)
	l, taken = l.told(told) // told twice
	want(t, "lost", l, []Range{{e, 4, 5, 2}})
	want(t, "taken", taken, nil)
	l = lost{{e, 1, 9, 9}}.found(e, 5)
	want(t, "lost", l, []Range{{e, 1, 4, 4}, {e, 6, 9, 4}})
	l = l.found(e, 1).found(e, 9).found(Epoch{}, 7).found(e, 5)
	want(t, "lost", l, []Range{{e, 2, 4, 3}, {e, 6, 8, 3}})
}

// FuzzSegment: what is read is what was written.
func FuzzSegment(f *testing.F) {
	f.Add(segment(someLabel, []byte("a report"), compress.Gzip))
	f.Add(segment(label{}, nil, compress.None))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := readSegment(bytes.NewReader(b))
		if err != nil {
			if body != nil || !errors.Is(err, errDamaged) {
				t.Errorf("%v with %d bytes", err, len(body))
			}
			return
		}
		if again := append(h.append(nil), body...); !bytes.Equal(again, b) {
			t.Errorf("%x is read as %x", b, again)
		}
	})
}

func FuzzPointer(f *testing.F) {
	p := somePointer()
	f.Add(p.append(nil))
	f.Add((&pointer{}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		// The sum hides all behind it from the fuzzer.
		if len(b) > 4 {
			b = slices.Concat(b[:len(b)-4], sumOf(b[:len(b)-4]))
		}
		if p, err := parsePointer(b); err == nil {
			if again := p.append(nil); !bytes.Equal(again, b) {
				t.Errorf("%x is read as %x", b, again)
			}
		}
	})
}

func sumOf(b []byte) []byte {
	sum := crc32.Checksum(b, castagnoli)
	return []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}
}

func FuzzName(f *testing.F) {
	f.Add(someLabel.name())
	f.Add("pointer")
	f.Fuzz(func(t *testing.T, name string) {
		if l, ok := parseName(name); ok && l.name() != name {
			t.Errorf("%q is read as %q", name, l.name())
		}
	})
}
