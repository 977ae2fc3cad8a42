// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

func testReport(n int) store.Report {
	return store.Report{Agent: "0123456789abcdef0123456789abcdef", Epoch: "fedcba9876543210fedcba9876543210",
		Sequence: uint64(n), Received: time.Unix(1_800_000_000, int64(n)),
		Line: []byte(fmt.Sprintf(`{"type":"report","sequence":%d,"pad":"%s"}`, n, bytes.Repeat([]byte("x"), n%50)))}
}

func openQueue(t *testing.T, c Config) (*Queue, []store.Report) {
	t.Helper()
	var found []store.Report
	q, err := Open(c, func(r *store.Report) { found = append(found, *r) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q, found
}

func appendReports(t *testing.T, q *Queue, numbers ...int) {
	t.Helper()
	var all []store.Report
	for _, n := range numbers {
		all = append(all, testReport(n))
	}
	if err := q.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, got []store.Report, want ...int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d reports, want %v", len(got), want)
	}
	for i, n := range want {
		w := testReport(n)
		if g := got[i]; g.Agent != w.Agent || g.Epoch != w.Epoch || g.Sequence != w.Sequence ||
			!g.Received.Equal(w.Received) || !bytes.Equal(g.Line, w.Line) {
			t.Fatalf("report %d is %+v, want %+v", i, g, w)
		}
	}
}

// next reads the next batch.
func next(t *testing.T, q *Queue, most int64) *Batch {
	t.Helper()
	b, err := q.Next(t.Context(), most)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func advance(t *testing.T, q *Queue, b *Batch) {
	t.Helper()
	if err := q.Advance(b); err != nil {
		t.Fatal(err)
	}
}

// TestOrder: reports are read in order, again until the reader advances, and survive a new start.
func TestOrder(t *testing.T) {
	c := Config{Folder: t.TempDir()}
	q, found := openQueue(t, c)
	check(t, found)
	appendReports(t, q, 1, 2)
	appendReports(t, q, 3)
	check(t, next(t, q, 1<<20).Reports, 1, 2, 3)
	b := next(t, q, 1)
	check(t, b.Reports, 1)
	advance(t, q, b)
	q.Close()
	if err := q.Append(t.Context(), []store.Report{testReport(9)}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	q, found = openQueue(t, c)
	check(t, found, 2, 3)
	appendReports(t, q, 4)
	b = next(t, q, 1<<20)
	check(t, b.Reports, 2, 3)
	advance(t, q, b)
	b = next(t, q, 1<<20)
	check(t, b.Reports, 4)
	advance(t, q, b)
	if reports, _ := q.Size(); reports != 0 {
		t.Errorf("%d reports are left", reports)
	}
	q.Close()
	if _, err := q.Next(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestSegments: a segment goes once it is read, and a full queue takes more once there is room.
func TestSegments(t *testing.T) {
	folder := t.TempDir()
	q, _ := openQueue(t, Config{Folder: folder, MaxBytes: 4000, SegmentBytes: 1})
	n := 0
	for {
		if err := q.Append(t.Context(), []store.Report{testReport(n + 1)}); errors.Is(err, ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n < 10 {
		t.Fatalf("only %d reports fit", n)
	}
	for i := range n {
		b := next(t, q, 1)
		check(t, b.Reports, i+1)
		advance(t, q, b)
	}
	if names, _ := filepath.Glob(filepath.Join(folder, "*"+suffix)); len(names) > 1 {
		t.Errorf("left: %v", names)
	}
	if _, size := q.Size(); size > 500 {
		t.Errorf("%d bytes", size)
	}
	appendReports(t, q, 99)
	check(t, next(t, q, 1).Reports, 99)
}

// TestConcurrent: requests that come together are written together, each once.
func TestConcurrent(t *testing.T) {
	q, _ := openQueue(t, Config{Folder: t.TempDir(), SegmentBytes: 2000})
	const writers, each = 8, 20
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := q.Append(t.Context(), []store.Report{testReport(w*each + i + 1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[uint64]bool{}
	for len(seen) < writers*each {
		b := next(t, q, 1000)
		for _, r := range b.Reports {
			if seen[r.Sequence] {
				t.Fatalf("report %d came twice", r.Sequence)
			}
			seen[r.Sequence] = true
		}
		advance(t, q, b)
	}
	all.Wait()
}

// segmentOf returns the only segment of a queue with reports from 1 on, 3 at least and of that many bytes, and where
// each record ends.
func segmentOf(t *testing.T, least int) (content []byte, ends []int) {
	t.Helper()
	folder := t.TempDir()
	q, _ := openQueue(t, Config{Folder: folder})
	end := 0
	for n := 1; n <= 3 || end < least; n++ {
		appendReports(t, q, n)
		r := testReport(n)
		end += int(recordSize(&r))
		ends = append(ends, end)
	}
	q.Close()
	content, err := os.ReadFile(filepath.Join(folder, name(1)))
	if err != nil {
		t.Fatal(err)
	}
	if end != len(content) {
		t.Fatalf("the segment has %d bytes, want %d", len(content), end)
	}
	return content, ends
}

// TestDamage: a segment that is cut anywhere yields the records before, and one with a bit changed anywhere all records
// but that one. WEIR_SEGMENT_BYTES is the segment's size.
func TestDamage(t *testing.T) {
	least, _ := strconv.Atoi(os.Getenv("WEIR_SEGMENT_BYTES"))
	content, ends := segmentOf(t, least)
	for cut := range content {
		var want []int
		for i, end := range ends {
			if end <= cut {
				want = append(want, i+1)
			}
		}
		checkScan(t, content[:cut], want)
	}
	for bit := range len(content) * 8 {
		spoiled := bytes.Clone(content)
		spoiled[bit/8] ^= 1 << (bit % 8)
		var want []int
		for i, end := range ends {
			start := 0
			if i > 0 {
				start = ends[i-1]
			}
			if bit/8 < start || bit/8 >= end {
				want = append(want, i+1)
			}
		}
		checkScan(t, spoiled, want)
	}
}

func checkScan(t *testing.T, content []byte, want []int) {
	t.Helper()
	s := scanner{in: bytes.NewReader(content), end: int64(len(content))}
	var got []store.Report
	read := int64(0)
	for {
		r, err := s.next()
		if err != nil {
			break
		}
		got = append(got, r)
		read += recordSize(&r)
	}
	check(t, got, want...)
	if s.damaged+read != int64(len(content)) {
		t.Fatalf("%d bytes read and %d damaged of %d", read, s.damaged, len(content))
	}
}

// TestDamagedStart: a queue with a damaged segment and no place for the reader starts, and goes on.
func TestDamagedStart(t *testing.T) {
	content, _ := segmentOf(t, 0)
	content[20] ^= 1
	folder := t.TempDir()
	for name, b := range map[string][]byte{name(7): content, positionName: []byte("short"), "other": nil} {
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	q, found := openQueue(t, Config{Folder: folder})
	check(t, found, 2, 3)
	appendReports(t, q, 4)
	b := next(t, q, 1<<20)
	check(t, b.Reports, 2, 3)
	if b.Damaged == 0 {
		t.Error("the damage is not counted")
	}
	advance(t, q, b)
	check(t, next(t, q, 1<<20).Reports, 4)
}

func FuzzScan(f *testing.F) {
	r := testReport(3)
	f.Add(append(appendRecord(nil, &r), r.Line...))
	f.Add(magic[:])
	f.Fuzz(func(t *testing.T, content []byte) {
		s := scanner{in: bytes.NewReader(content), end: int64(len(content))}
		read := int64(0)
		for {
			r, err := s.next()
			if err != nil {
				break
			}
			read += recordSize(&r)
		}
		if s.damaged+read != int64(len(content)) {
			t.Errorf("%d bytes read and %d damaged of %d", read, s.damaged, len(content))
		}
	})
}

// TestAppendEnds: a context's end ends the wait, and not the queue.
func TestAppendEnds(t *testing.T) {
	q, _ := openQueue(t, Config{Folder: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Next(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	appendReports(t, q, 1)
	check(t, next(t, q, 1).Reports, 1)
}

// TestLostSegments: a segment that is gone, and one that is set aside, cost no more than their own reports.
func TestLostSegments(t *testing.T) {
	folder := t.TempDir()
	q, _ := openQueue(t, Config{Folder: folder, SegmentBytes: 1})
	for n := 1; n <= 4; n++ {
		appendReports(t, q, n)
	}
	if err := os.Remove(filepath.Join(folder, name(1))); err != nil {
		t.Fatal(err)
	}
	b := next(t, q, 1<<20)
	check(t, b.Reports)
	if b.Damaged == 0 {
		t.Error("the loss is not counted")
	}
	advance(t, q, b)
	if n := q.SetAside(); n != 1 {
		t.Errorf("%d reports set aside", n)
	}
	if kept, _ := filepath.Glob(filepath.Join(folder, "*2.damaged")); len(kept) != 1 {
		t.Error("the file is not kept")
	}
	for n := 3; n <= 4; n++ {
		b = next(t, q, 1<<20)
		check(t, b.Reports, n)
		advance(t, q, b)
	}
	if reports, size := q.Size(); reports != 0 || size != 0 {
		t.Errorf("%d reports, %d bytes", reports, size)
	}
}

// noPlace is a folder in which no new file can be made, but segments.
type noPlace struct{ folder }

func (d noPlace) Create(file string) (File, error) {
	if file == temporaryName {
		return nil, syscall.ENOSPC
	}
	return d.folder.Create(file)
}

// TestFullDisk: on a disk that has no room for the reader's place, segments that are read go, so that there is room.
func TestFullDisk(t *testing.T) {
	path := t.TempDir()
	q, _ := openQueue(t, Config{FS: noPlace{folder(path)}, SegmentBytes: 1})
	for n := 1; n <= 3; n++ {
		appendReports(t, q, n)
	}
	for n := 1; n <= 2; n++ {
		b := next(t, q, 1)
		check(t, b.Reports, n)
		if err := q.Advance(b); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("advanced: %v", err)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(path, "*"+suffix)); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
	q.Close()
	q, found := openQueue(t, Config{Folder: path})
	check(t, found, 3)
	appendReports(t, q, 4)
	b := next(t, q, 1)
	check(t, b.Reports, 3)
	advance(t, q, b)
	check(t, next(t, q, 1).Reports, 4)
}

// slowDisk counts syncs, each of which waits until it may end.
type slowDisk struct {
	folder
	began, mayEnd chan struct{}
}

func (d slowDisk) Create(name string) (File, error) {
	f, err := d.folder.Create(name)
	return slowFile{f, d}, err
}

type slowFile struct {
	File
	d slowDisk
}

func (f slowFile) Sync() error {
	f.d.began <- struct{}{}
	<-f.d.mayEnd
	return f.File.Sync()
}

// TestGroupCommit: requests that come while a sync is under way share the next one; none is answered before it.
func TestGroupCommit(t *testing.T) {
	d := slowDisk{folder(t.TempDir()), make(chan struct{}), make(chan struct{})}
	q, _ := openQueue(t, Config{FS: d})
	const writers = 10
	done := make(chan error, writers)
	add := func(n int) { done <- q.Append(t.Context(), []store.Report{testReport(n)}) }
	go add(1)
	<-d.began
	for n := 2; n <= writers; n++ {
		go add(n)
	}
	for waiting := 0; waiting < writers-1; {
		time.Sleep(time.Millisecond)
		q.mu.Lock()
		waiting = len(q.waiting)
		q.mu.Unlock()
	}
	if len(done) != 0 {
		t.Error("answered before the sync")
	}
	d.mayEnd <- struct{}{}
	<-d.began
	if err := <-done; err != nil || len(done) != 0 {
		t.Errorf("%v, and %d more are answered before their sync", err, len(done))
	}
	d.mayEnd <- struct{}{}
	for range writers - 1 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if reports, _ := q.Size(); reports != writers {
		t.Errorf("%d reports", reports)
	}
}

// TestPacked: long lines are compressed on disk and come back as they were; records of before, which were not, are read
// as well; a frame that is damaged, too large, or says nothing of its length costs its own record.
func TestPacked(t *testing.T) {
	long := func(n uint64) store.Report {
		r := testReport(int(n))
		r.Line = fmt.Appendf(nil, `{"type":"report","sequence":%d,"pad":"%s"}`, n, strings.Repeat("some text ", 5000))
		return r
	}
	folder := t.TempDir()
	var old []byte
	for _, r := range []store.Report{long(1), testReport(2)} {
		old = append(appendRecord(old, &r), r.Line...)
	}
	for n, line := range [][]byte{append(slices.Clone(zstdMagic), "none"...), Pack(long(4).Line, nil)[:200],
		bombFrame(), {0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x50, 0x0b, 0, 0, 'x'}} {
		r := store.Report{Agent: "a", Epoch: "e", Sequence: uint64(100 + n), Line: line}
		old = append(appendRecord(old, &r), r.Line...)
	}
	if err := os.WriteFile(filepath.Join(folder, name(1)), old, 0o600); err != nil {
		t.Fatal(err)
	}
	q, found := openQueue(t, Config{Folder: folder})
	if len(found) != 6 {
		t.Errorf("%d records found", len(found))
	}
	packed := long(5)
	packed.Line = Pack(packed.Line, nil)
	if err := q.Append(t.Context(), []store.Report{long(3), packed}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(folder, name(2))); err != nil || info.Size() > 2000 {
		t.Errorf("%v, %v: not compressed", info, err)
	}
	b := next(t, q, 1<<30)
	if len(b.Reports) != 2 || !bytes.Equal(b.Reports[0].Line, long(1).Line) || b.Damaged == 0 {
		t.Errorf("%d reports, %d bytes damaged", len(b.Reports), b.Damaged)
	}
	advance(t, q, b)
	if b = next(t, q, 1<<30); len(b.Reports) != 2 || !bytes.Equal(b.Reports[0].Line, long(3).Line) ||
		!bytes.Equal(b.Reports[1].Line, long(5).Line) {
		t.Errorf("%d reports", len(b.Reports))
	}
	if b = next(t, q, 60_000); len(b.Reports) != 2 { // of 50 kB each, as they are
		t.Errorf("%d reports of 60,000 bytes", len(b.Reports))
	}
	if b = next(t, q, 40_000); len(b.Reports) != 1 {
		t.Errorf("%d reports of 40,000 bytes", len(b.Reports))
	}
}

// bombFrame is a frame that declares one byte more than a report may have.
func bombFrame() []byte {
	return binary.LittleEndian.AppendUint32([]byte{0x28, 0xB5, 0x2F, 0xFD, 0xA0}, uplink.MaxReports+1)
}

// TestTooLarge: a report over the limit is refused, however well it compresses.
func TestTooLarge(t *testing.T) {
	q, _ := openQueue(t, Config{Folder: t.TempDir()})
	r := testReport(1)
	r.Line = make([]byte, maxRecord)
	if err := q.Append(t.Context(), []store.Report{r}); err == nil {
		t.Error("taken")
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack(bytes.Repeat([]byte("report "), 500), nil))
	f.Add(bombFrame())
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if plain, ok := Unpack(line); ok && len(plain) > max(uplink.MaxReports, len(line)) {
			t.Errorf("%d bytes", len(plain))
		}
	})
}

// TestForged: an agent whose frame has a whole record in it, of another agent, can't have that read in place of its own
// when what precedes it is damaged.
func TestForged(t *testing.T) {
	forged := testReport(7)
	record := append(appendRecord(nil, &forged), forged.Line...)
	line := append(bytes.Repeat([]byte(" "), 2*len(record)), "{}"...)
	// Two blocks as they are (RFC 8878, section 3.1.1.2), the first of which a decoder would refuse as a line.
	frame := binary.LittleEndian.AppendUint32(slices.Concat(zstdMagic, []byte{0xA0}), uint32(len(record)))
	frame = append(binary.LittleEndian.AppendUint32(frame, uint32(len(record))<<3|1)[:12], record...)
	if got := Pack(append(line, bytes.Repeat([]byte(" "), 500)...), frame); bytes.Contains(got, magic[:]) {
		t.Errorf("the queue keeps %q", got)
	}
	if got := Pack(slices.Concat(line, bytes.Repeat([]byte(" "), 500)), nil); bytes.Contains(got, magic[:]) {
		t.Errorf("packed: %q", got)
	}
}
