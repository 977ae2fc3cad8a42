// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weirnet/weir/internal/sink/queue"
	"github.com/weirnet/weir/internal/uplink"
)

func decoded(encoding string, body []byte) ([]byte, error) {
	var text []byte
	shared := &budget{most: memory}
	err := new(reader).lines(encoding, body, shared, func(line, _ []byte) error {
		text = append(append(text, line...), '\n')
		return nil
	})
	if used := shared.used.Load(); used != 0 {
		panic("memory is not given back")
	}
	return text, err
}

// TestTruncated: a compressed body that is cut anywhere is no body.
func TestTruncated(t *testing.T) {
	text := []byte(strings.Repeat(line(strings.Repeat("a", 32), 1)+"\n", 8))
	for encoding, whole := range map[string][]byte{"zstd": zstdOf(t, text), "gzip": gzipOf(t, text),
		"zstd ": zstdOf(t, text, zstd.WithEncoderCRC(false))} {
		encoding = strings.TrimSpace(encoding)
		if got, err := decoded(encoding, whole); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%s: %v", encoding, err)
		}
		for cut := 1; cut < len(whole); cut++ {
			if _, err := decoded(encoding, whole[:cut]); !errors.Is(err, errEncoding) {
				t.Errorf("%s, cut at %d of %d: %v", encoding, cut, len(whole), err)
			}
		}
	}
}

// frame returns a zstd frame (RFC 8878, section 3.1.1) with a window descriptor and blocks.
func frame(window byte, blocks ...byte) []byte {
	return append([]byte{0x28, 0xB5, 0x2F, 0xFD, 0x00, window}, blocks...)
}

// run returns a block that repeats a byte size times.
func run(size uint32, isLast bool) []byte {
	h := size<<3 | 1<<1
	if isLast {
		h |= 1
	}
	return append(binary.LittleEndian.AppendUint32(nil, h)[:3], 'x')
}

// bombs are small bodies that become large, or cost much.
func bombs(t testing.TB) map[string][]byte {
	runs := func(n int) (b []byte) { // 128 KiB for each 4 bytes: 1 to 32,000
		for range n {
			b = append(b, run(128<<10, false)...)
		}
		return append(b, run(1, true)...)
	}
	var many []byte
	for range 100_000 {
		many = append(many, frame(0x38, 1, 0, 0)...) // a frame of an empty block
	}
	zeros := make([]byte, 3<<20)
	single := []byte{0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 2, 0, 0, 0} // declares 32 GiB
	return map[string][]byte{
		"zstd 1:32,000":          frame(0x50, runs(20_000)...),
		"zstd over the ratio":    frame(0x50, runs(16)...),
		"zstd 2 GiB window":      frame(21<<3, run(1, true)...),
		"zstd 16 MiB window":     frame(14<<3, run(1, true)...),
		"zstd declared size":     append(single, 1, 0, 0),
		"zstd 100,000 frames":    many,
		"zstd 3 MiB":             zstdOf(t, zeros),
		"zstd 33 MiB, no length": frame(0x50, runs(33*8)...),
		"gzip 3 MiB":             gzipOf(t, zeros),
		"gzip many members":      bytes.Repeat(gzipOf(t, nil), maxFrames+1),
	}
}

// TestBombs: they are refused, many at once, in bounded memory.
func TestBombs(t *testing.T) {
	for name, body := range bombs(t) {
		if _, err := decoded(strings.Fields(name)[0], body); !errors.Is(err, errSize) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := newBench(t)
	nested := gzipOf(t, gzipOf(t, make([]byte, 1<<20)))
	if w := b.do(b.request("gzip", nested)); w.Code != http.StatusBadRequest {
		t.Errorf("gzip in gzip: %d", w.Code)
	}
}

// heap calls do in many goroutines at once, and returns by how much the heap grew at most.
func heap(many int, do func(n int)) (grown int64) {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() { do(n) })
	}
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	for isOver := false; !isOver; {
		select {
		case <-ended:
			isOver = true
		case <-time.After(time.Millisecond): // between samples; the end alone decides
		}
		runtime.ReadMemStats(&now)
		grown = max(grown, int64(now.HeapInuse)-int64(before.HeapInuse))
	}
	return grown
}

// TestBombsHeap: a hundred bombs at once, of all kinds and with the largest window, cost at most 64 MiB of heap.
func TestBombsHeap(t *testing.T) {
	wide := frame(13<<3, append(bytes.Repeat(run(128<<10, false), 20_000), run(1, true)...)...) // a window of 8 MiB
	bodies := [][]byte{wide}
	encodings := []string{"zstd"}
	for name, body := range bombs(t) {
		bodies, encodings = append(bodies, body), append(encodings, strings.Fields(name)[0])
	}
	b := newBench(t)
	b.in.limiter = newLimiter(time.Now)
	grown := heap(100, func(n int) {
		w := httptest.NewRecorder()
		b.in.ServeHTTP(w, b.request(encodings[n%len(bodies)], bodies[n%len(bodies)]))
		if w.Code != http.StatusRequestEntityTooLarge && w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: %d %s", encodings[n%len(bodies)], w.Code, w.Body)
		}
	})
	if grown > 64<<20 {
		t.Errorf("the heap grows by %d MiB", grown>>20)
	}
}

// TestLargestReport: a report nearly as large as one may be is taken. Several at once share the memory for all; the
// collector lets go late, so that the heap is up to twice that.
func TestLargestReport(t *testing.T) {
	b := newBench(t)
	line := flowsReport(b.id(), 40_000)
	if len(line) < 20<<20 || len(line) > uplink.MaxReports {
		t.Fatalf("a report of %d MiB", len(line)>>20)
	}
	body := zstdOf(t, line)
	grown := heap(3, func(int) {
		w := httptest.NewRecorder()
		b.in.ServeHTTP(w, b.request("zstd", body))
		if w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusTooManyRequests {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	if grown > 2*memory {
		t.Errorf("the heap grows by %d MiB", grown>>20)
	}
	if w := b.do(b.request("zstd", body)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got, ok := queue.Unpack(b.queued[0].Line); !ok || !bytes.Equal(got, bytes.TrimSpace(line)) {
		t.Errorf("%d bytes are queued, %v", len(got), ok)
	}
}

// TestSplit: lines come whole, however the body is cut into pieces.
func TestSplit(t *testing.T) {
	for _, text := range []string{"", "\n", "a", "a\n", "a\nbb\n\n \r\nccc", "\na\n", "a\n\n", "ab\nc",
		strings.Repeat("x", 99) + "\ny\nz",
		"a\n" + strings.Repeat("y", 99)} {
		var want []string
		for part := range strings.SplitSeq(text, "\n") {
			if part = strings.Trim(part, " \t\r"); part != "" {
				want = append(want, part)
			}
		}
		for _, in := range []func() io.Reader{
			func() io.Reader { return strings.NewReader(text) },
			func() io.Reader { return iotest.OneByteReader(strings.NewReader(text)) },
			func() io.Reader { return iotest.HalfReader(strings.NewReader(text)) },
			func() io.Reader { return iotest.DataErrReader(strings.NewReader(text)) },
		} {
			longest, err := measure(in(), len(text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			s := splitter{buffer: make([]byte, longest+2), each: func(line, frame []byte) error {
				got = append(got, string(line))
				if isOne := len(want) == 1 && text == want[0]+"\n"; frame != nil != isOne {
					t.Errorf("%q: %q comes with a frame: %v", text, line, frame != nil)
				}
				return nil
			}}
			if err = s.read(in(), []byte("frame")); err == nil {
				err = s.finish()
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%q: %q, %v", text, got, err)
			}
			if _, err := measure(in(), len(text)-1); len(text) > 0 && !errors.Is(err, errSize) {
				t.Errorf("%q over a limit: %v", text, err)
			}
		}
	}
}

// TestBudget: what many requests hold at once stays within the budget.
func TestBudget(t *testing.T) {
	shared := &budget{most: 1 << 20}
	var held []buffer
	for {
		to := buffer{budget: shared}
		if err := to.fill(bytes.NewReader(make([]byte, 100_000)), 200_000); errors.Is(err, errMemory) {
			to.release()
			break
		} else if err != nil {
			t.Fatal(err)
		}
		held = append(held, to)
		if shared.used.Load() > shared.most {
			t.Fatal("over the budget")
		}
	}
	if len(held) < 4 {
		t.Errorf("only %d bodies fit", len(held))
	}
	for i := range held {
		held[i].release()
	}
	if used := shared.used.Load(); used != 0 {
		t.Errorf("%d bytes are not given back", used)
	}
}

// TestLimits: just at each limit a body is taken, just over it is not.
func TestLimits(t *testing.T) {
	random := make([]byte, 1<<20)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(random)
	random = bytes.ReplaceAll(random, []byte{'\n'}, []byte{'x'}) // one line
	for _, c := range []struct {
		name string
		body []byte
		is   error
	}{
		{"8 MiB window", frame(13<<3, run(1, true)...), nil},
		{"a little over 8 MiB window", frame(13<<3|1, run(1, true)...), errSize},
		{"1 MiB of one byte", frame(0x50, append(bytes.Repeat(run(128<<10, false), 8), run(0, true)...)...), nil},
		{"a little over 1 MiB of one byte",
			frame(0x50, append(bytes.Repeat(run(128<<10, false), 8), run(1, true)...)...), errSize},
		{"64 frames", bytes.Repeat(zstdOf(t, []byte("x")), maxFrames), nil},
		{"65 frames", bytes.Repeat(zstdOf(t, []byte("x")), maxFrames+1), errSize},
		{"32 MiB", bytes.Repeat(zstdOf(t, append(make([]byte, 7<<20), random...)), 4), nil},
		{"over 32 MiB", append(bytes.Repeat(zstdOf(t, append(make([]byte, 7<<20), random...)), 4),
			zstdOf(t, []byte("x"))...), errSize},
		{"a skippable frame", []byte{0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0}, errEncoding},
	} {
		if _, err := decoded("zstd", c.body); !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %v", c.name, err, c.is)
		}
	}
}

func FuzzBody(f *testing.F) {
	text := []byte(line(strings.Repeat("a", 32), 1))
	f.Add(byte(0), zstdOf(f, text))
	f.Add(byte(1), gzipOf(f, text))
	f.Add(byte(2), text)
	for name, b := range bombs(f) {
		if len(b) < 1000 {
			f.Add(byte(strings.Index("zg", name[:1])), b)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		encoding := []string{"zstd", "gzip", ""}[kind%3]
		text, _ := decoded(encoding, body)
		if len(text) > max(mostReports(len(body)), len(body))+1 {
			t.Errorf("%d bytes of %d", len(text), len(body))
		}
		if n := bytes.Count(text, []byte{'\n'}); n > uplink.MaxCount {
			t.Errorf("%d reports", n)
		}
	})
}
