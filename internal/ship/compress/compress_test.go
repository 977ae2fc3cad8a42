// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/weirnet/weir/internal/uplink"
)

func decode(t *testing.T, b []byte, e Encoding) []byte {
	t.Helper()
	out, err := Decompress(b, e, uplink.MaxReports)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDecompressBound: what is too much is an error.
func TestDecompressBound(t *testing.T) {
	var c Compressor
	for e := None; e < numEncodings; e++ {
		b := c.Compress(nil, sample(10), e)
		if _, err := Decompress(b, e, int64(len(sample(10)))-1); err == nil {
			t.Errorf("%s: too much is returned", e)
		}
		if _, err := Decompress(b[:len(b)/2], e, 1<<20); err == nil && e != None {
			t.Errorf("%s: half of it is returned", e)
		}
	}
}

// sample looks like a report of n flows.
func sample(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		id := uint64(i) * 0x9e3779b97f4a7c15
		fmt.Fprintf(&b, `{"id":"%016x","src":"192.168.%d.%d","bytes":%d,"protocol":"tls"},`, id, i%250, i%7, i*i)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// TestConcatenated: reports of all sizes, one after the other in one buffer, are one body.
func TestConcatenated(t *testing.T) {
	var c Compressor
	for e := None; e < numEncodings; e++ {
		var sent, want []byte
		for _, n := range []int{0, 1, 50, 20000, 3} {
			report := sample(n)
			start := len(sent)
			sent, want = c.Compress(sent, report, e), append(want, report...)
			if size := Size(sent[start:], e); size < len(report) || size > max(len(report), 255) {
				t.Errorf("%s: size %d of a report of %d bytes", e, size, len(report))
			}
		}
		if got := decode(t, sent, e); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes are read as %d", e, len(want), len(got))
		}
		if e != None && len(sent) > len(want)/3 {
			t.Errorf("%s: %d bytes of %d", e, len(sent), len(want))
		}
	}
}

func TestEmpty(t *testing.T) {
	var c Compressor
	for e := None; e < numEncodings; e++ {
		if got := decode(t, c.Compress(nil, nil, e), e); len(got) != 0 {
			t.Errorf("%s: %q", e, got)
		}
	}
}

func TestNames(t *testing.T) {
	for e := None; e < numEncodings; e++ {
		if parsed, ok := Parse(e.String()); !ok || parsed != e {
			t.Errorf("%s is parsed as %s, %t", e, parsed, ok)
		}
	}
	if _, ok := Parse("brotli"); ok || Encoding(9).IsValid() || Encoding(9).String() != "unknown" {
		t.Error("an encoding that does not exist")
	}
	if None.Header() != "" || Zstd.Header() != "zstd" {
		t.Error("header")
	}
}

// FuzzSize: what a damaged report says of its size is bounded.
func FuzzSize(f *testing.F) {
	var c Compressor
	for e := None; e < numEncodings; e++ {
		f.Add(c.Compress(nil, sample(3), e), byte(e))
	}
	f.Fuzz(func(t *testing.T, b []byte, e byte) {
		if n := Size(b, Encoding(e)); n < 0 || n > 1<<30 {
			t.Errorf("size %d", n)
		}
	})
}

func BenchmarkZstd(b *testing.B) {
	report := sample(10_000)
	var c Compressor
	out := c.Compress(nil, report, Zstd)
	b.SetBytes(int64(len(report)))
	b.ReportMetric(float64(len(report))/float64(len(out)), "ratio")
	b.ReportAllocs()
	for b.Loop() {
		out = c.Compress(out[:0], report, Zstd)
	}
}
