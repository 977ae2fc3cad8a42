// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/ship/compress"
)

func mustOpen(t *testing.T, dir string, c Config) *Spool {
	t.Helper()
	s, err := Open(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustPut(t *testing.T, s *Spool, sequences ...uint64) {
	t.Helper()
	for _, n := range sequences {
		if err := s.Put(n, []byte(body(n)), compress.None); err != nil {
			t.Fatal(err)
		}
	}
}

func body(sequence uint64) string { return fmt.Sprintf("report %d\n", sequence) }

// waits returns the sequences of the waiting reports.
func waits(t *testing.T, s *Spool) (all []uint64) {
	t.Helper()
	reports, err := s.Oldest(1000, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if string(r.Body) != body(r.Sequence) {
			t.Errorf("report %d is %q", r.Sequence, r.Body)
		}
		all = append(all, r.Sequence)
	}
	return all
}

func want[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	s := mustOpen(t, dir, Config{})
	epoch, next := s.Identity()
	if epoch == (Epoch{}) || next != 1 {
		t.Fatalf("identity %s %d", epoch, next)
	}
	mustPut(t, s, 1, 2, 3, 4)
	if err := s.Put(4, nil, compress.None); !errors.Is(err, ErrSequence) {
		t.Errorf("a sequence twice: %v", err)
	}
	if err := s.Done(Name{epoch, 2}); !errors.Is(err, ErrOrder) {
		t.Errorf("done out of order: %v", err)
	}
	if err := s.Done(Name{epoch, 1}, Name{epoch, 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, Config{})
	if again, next := s.Identity(); again != epoch || next != 5 {
		t.Errorf("identity %s %d after opening again, want %s 5", again, next, epoch)
	}
	want(t, "waiting", waits(t, s), []uint64{3, 4})
	if err := s.Done(Name{epoch, 3}, Name{epoch, 4}); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	s = mustOpen(t, dir, Config{})
	if _, next := s.Identity(); next != 5 {
		t.Errorf("next sequence %d with an empty spool, want 5", next)
	}
}

func TestOldestIsBounded(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Config{})
	mustPut(t, s, 1, 2, 3)
	if err := s.Put(4, []byte(body(4)), compress.Gzip); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ count, size, want int }{
		{2, 1000, 2}, {9, 2 * len(body(1)), 2}, {9, 1, 1}, {9, 1000, 3}, // the fourth has another encoding
	} {
		if all, err := s.Oldest(c.count, c.size); err != nil || len(all) != c.want {
			t.Errorf("%+v: %d reports, %v", c, len(all), err)
		}
	}
}

func TestBytesAreBounded(t *testing.T) {
	dir := t.TempDir()
	size := int64(headerSize + len(body(1)))
	s := mustOpen(t, dir, Config{MaxBytes: 3 * size})
	epoch, _ := s.Identity()
	mustPut(t, s, 1, 2, 3, 4, 5)
	want(t, "waiting", waits(t, s), []uint64{3, 4, 5})
	want(t, "lost", s.Lost(), []Range{{epoch, 1, 2, 2}})
	if err := s.Put(6, make([]byte, 3*size), compress.None); err == nil {
		t.Error("a report larger than the spool")
	}
	want(t, "lost", s.Lost(), []Range{{epoch, 1, 2, 2}, {epoch, 6, 6, 1}})
	_ = s.Close()
	s = mustOpen(t, dir, Config{MaxBytes: size})
	want(t, "waiting in a smaller spool", waits(t, s), []uint64{5})
	told := s.Lost()
	want(t, "lost", told, []Range{{epoch, 1, 2, 2}, {epoch, 6, 6, 1}, {epoch, 3, 4, 2}})
	mustPut(t, s, 7)
	if err := s.Told(told); err != nil {
		t.Fatal(err)
	}
	want(t, "lost after telling", s.Lost(), []Range{{epoch, 5, 5, 1}})
	// A report that was dropped while the sink took it is not lost.
	if err := s.Done(Name{epoch, 5}); err != nil {
		t.Fatal(err)
	}
	want(t, "lost", s.Lost(), nil)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%v %v, want the pointer and a segment", files, err)
	}
}

func TestAgeIsBounded(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	c := Config{MaxAge: time.Hour, Now: func() time.Time { return now }}
	s := mustOpen(t, dir, c)
	epoch, _ := s.Identity()
	mustPut(t, s, 1)
	now = now.Add(30 * time.Minute)
	mustPut(t, s, 2)
	now = now.Add(31 * time.Minute)
	want(t, "waiting", waits(t, s), []uint64{2})
	want(t, "lost", s.Lost(), []Range{{epoch, 1, 1, 1}})
	_ = s.Close()
	for _, step := range []struct {
		name string
		off  time.Duration
		want []uint64
	}{
		{"a clock of 1970", -50 * 365 * 24 * time.Hour, []uint64{2}},
		{"a clock that was wrong before", 50 * 365 * 24 * time.Hour, []uint64{2}},
		{"a week off", 7 * 24 * time.Hour, nil},
	} {
		real := now
		now = time.Now().Add(step.off) // the files' times are the system's
		s = mustOpen(t, dir, c)
		want(t, step.name, waits(t, s), step.want)
		_ = s.Close()
		now = real
	}
}

func TestRefuse(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Config{})
	epoch, _ := s.Identity()
	for n := range uint64(2 * maxAside) {
		mustPut(t, s, n+1)
		if err := s.Refuse(Name{epoch, n + 1}, "too deep"); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, refusedDir))
	if err != nil || len(files) != maxAside {
		t.Errorf("%d files set aside, %v, want %d", len(files), err, maxAside)
	}
	if stats := s.Stats(); stats.Refused != 2*maxAside || stats.Refusal != "too deep" || stats.Reports != 0 ||
		stats.Bytes != 0 {
		t.Errorf("%+v", stats)
	}
	want(t, "lost", s.Lost(), nil)
}

// change rewrites a file.
func change(t *testing.T, path string, with func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, with(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func segmentPath(dir string, s *Spool, sequence uint64) string {
	epoch, _ := s.Identity()
	return filepath.Join(dir, label{position{s.pointer.generation, sequence}, epoch}.name())
}

func TestDamagedSegment(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Config{})
	epoch, _ := s.Identity()
	mustPut(t, s, 1, 2, 3, 4)
	change(t, segmentPath(dir, s, 2), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	if err := os.Remove(segmentPath(dir, s, 3)); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	s = mustOpen(t, dir, Config{})
	want(t, "waiting", waits(t, s), []uint64{1, 4})
	want(t, "lost", s.Lost(), []Range{{epoch, 3, 3, 1}, {epoch, 2, 2, 1}}) // 3 was not done, as 2 was not
	if stats := s.Stats(); stats.Damaged != 1 || stats.Reports != 2 {
		t.Errorf("%+v", stats)
	}
	if files, err := os.ReadDir(filepath.Join(dir, damagedDir)); err != nil || len(files) != 1 {
		t.Errorf("set aside: %v %v", files, err)
	}
}

func TestDamagedPointer(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Config{})
	first, _ := s.Identity()
	mustPut(t, s, 1, 2)
	_ = s.Close()
	for _, with := range []func([]byte) []byte{
		func(b []byte) []byte { b[9] ^= 1; return b }, func([]byte) []byte { return nil },
		func(b []byte) []byte { return make([]byte, 1<<20) },
	} {
		change(t, filepath.Join(dir, pointerName), with)
		s = mustOpen(t, dir, Config{})
		second, next := s.Identity()
		if second == first || next != 1 {
			t.Fatalf("identity %s %d after damage", second, next)
		}
		mustPut(t, s, 1)
		reports, err := s.Oldest(9, 1000)
		if err != nil || len(reports) != 3 || reports[0].Name != (Name{first, 1}) ||
			reports[2].Name != (Name{second, 1}) {
			t.Errorf("%v %v", reports, err)
		}
		if err := s.Done(reports[0].Name, reports[1].Name); err != nil {
			t.Error(err)
		}
		_ = s.Close()
		s = mustOpen(t, dir, Config{})
		mustPut(t, s, 2)
		want(t, "waiting", waits(t, s), []uint64{1, 2})
		first, _ = s.Identity()
		_ = s.Close()
	}
}

// TestStalePointer: a pointer from before an epoch does not bring numbers back that were given away.
func TestStalePointer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, pointerName)
	s := mustOpen(t, dir, Config{})
	first, _ := s.Identity()
	mustPut(t, s, 1)
	_ = s.Close()
	stale, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, dir, Config{})
	second, _ := s.Identity()
	mustPut(t, s, 1)
	_ = s.Close()
	change(t, path, func([]byte) []byte { return stale })
	s = mustOpen(t, dir, Config{})
	if third, next := s.Identity(); third == first || third == second || next != 1 {
		t.Errorf("identity %s %d after %s and %s", third, next, first, second)
	}
	want(t, "waiting", waits(t, s), []uint64{1, 1})
}

// TestUnsyncedIsNotSent: what a power cut may take away is not sent, lest its number be given to another report.
func TestUnsyncedIsNotSent(t *testing.T) {
	now := time.Now()
	d := newDisk(rand.New(rand.NewPCG(1, 1)), func() time.Time { return now })
	s, err := open(d, Config{})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, 1)
	epoch, _ := s.Identity()
	l := label{position{1, 2}, epoch}
	// Renamed, and not yet synced.
	d.names[l.name()] = &inode{content: segment(l, []byte(body(2)), compress.None), modified: now}
	d.fault = 1
	if s, err = reopenModel(d); err != nil {
		t.Fatal(err)
	}
	if reports, err := s.Oldest(9, 1000); err == nil {
		t.Errorf("%d reports before the folder was synced", len(reports))
	}
	d.fault = 0
	want(t, "waiting", waits(t, s), []uint64{1, 2})
}

// reopenModel opens a spool on a disk whose writes fail.
func reopenModel(d *disk) (*Spool, error) {
	s, err := open(readable{d}, Config{Now: d.now})
	return s, err
}

// readable is a disk that can be read although it has faults.
type readable struct{ *disk }

func (d readable) list(folder string) ([]entry, error) {
	fault := d.fault
	defer func() { d.fault = fault }()
	d.fault = 0
	return d.disk.list(folder)
}

func (d readable) open(name string) (io.ReadCloser, error) {
	fault := d.fault
	defer func() { d.fault = fault }()
	d.fault = 0
	return d.disk.open(name)
}

// TestFullDisk: on a full disk the sink's yes frees room, and the spool recovers.
func TestFullDisk(t *testing.T) {
	now := time.Now()
	d := newDisk(rand.New(rand.NewPCG(1, 1)), func() time.Time { return now })
	s, err := open(d, Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, 1, 2, 3)
	epoch, _ := s.Identity()
	d.capacity = d.used()
	for n := uint64(4); n < 10; n++ {
		if err := s.Put(n, []byte(body(n)), compress.None); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("put on a full disk: %v", err)
		}
	}
	want(t, "lost", s.Lost(), []Range{{epoch, 4, 9, 6}})
	if stats := s.Stats(); stats.Failed != 6 || stats.Error == "" || stats.Untold != 6 {
		t.Errorf("%+v", stats)
	}
	want(t, "waiting", waits(t, s), []uint64{1, 2, 3})
	if err := s.Done(Name{epoch, 1}, Name{epoch, 2}); err != nil {
		t.Errorf("done on a full disk: %v", err)
	}
	mustPut(t, s, 10)
	if stats := s.Stats(); stats.Error != "" || stats.Reports != 2 {
		t.Errorf("%+v", stats)
	}
	if s, err = open(d, Config{Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	want(t, "waiting", waits(t, s), []uint64{3, 10})
	want(t, "lost", s.Lost(), []Range{{epoch, 4, 9, 6}})
}

// unsynced is a disk that can't sync its folder.
type unsynced struct{ *disk }

func (unsynced) syncFolder(string) error { return syscall.EIO }

// TestUnsyncedPointer: a segment stays until the pointer that lets it go survives a power cut.
func TestUnsyncedPointer(t *testing.T) {
	d := newDisk(rand.New(rand.NewPCG(1, 1)), time.Now)
	s, err := open(d, Config{})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, 1, 2)
	epoch, _ := s.Identity()
	p := s.pointer
	p.done, p.lost = position{1, 1}, lost{{epoch, 1, 1, 1}}
	content := p.append(nil)
	d.names[pointerName] = &inode{content: content, synced: content, isSynced: true} // renamed, and not yet synced
	if s, err = open(unsynced{d}, Config{}); err != nil {
		t.Fatal(err)
	}
	first := label{position{1, 1}, epoch}.name()
	if _, ok := d.names[first]; !ok {
		t.Error("the segment is gone before the pointer is on disk")
	}
	s.folder = d
	mustPut(t, s, 3)
	if _, ok := d.names[first]; ok {
		t.Error("the segment is still there")
	}
	want(t, "waiting", waits(t, s), []uint64{2, 3})
}

// flaky is a disk on which each second attempt to open a file fails, or every one.
type flaky struct {
	*disk
	every, attempts int
}

func (f *flaky) open(name string) (io.ReadCloser, error) {
	if f.attempts++; f.attempts%f.every == 0 {
		return nil, syscall.EIO
	}
	return f.disk.open(name)
}

// TestUnreadable: a disk that fails at times loses nothing; a file that can't be read does not hold up the others.
func TestUnreadable(t *testing.T) {
	d := newDisk(rand.New(rand.NewPCG(1, 1)), time.Now)
	s, err := open(d, Config{})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, 1)
	epoch, _ := s.Identity()
	s.folder = &flaky{disk: d, every: 2}
	for i := range 19 {
		if all, err := s.Oldest(1, 1); (err == nil) != (i%2 == 0) || (len(all) == 1) != (err == nil) {
			t.Errorf("attempt %d: %v %v", i, all, err)
		}
	}
	s.folder = &flaky{disk: d, every: 1}
	for range maxReads - 1 {
		if _, err := s.Oldest(1, 1); !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
	}
	if all, err := s.Oldest(1, 1); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
	want(t, "lost", s.Lost(), []Range{{epoch, 1, 1, 1}})
}

// TestLongOutage: what reports tell that are lost in their turn is told again. So in the end the sink knows of every
// report that it has not got.
func TestLongOutage(t *testing.T) {
	for _, waiting := range []int64{1, 5, 400} {
		d := newDisk(rand.New(rand.NewPCG(1, 1)), time.Now)
		s, err := open(d, Config{MaxBytes: waiting * int64(headerSize+len(body(1000)))})
		if err != nil {
			t.Fatal(err)
		}
		tells := map[uint64][]Range{}
		const all = 1200
		for n := uint64(1); n <= all; n++ {
			tells[n] = s.Lost()
			_ = s.Put(n, []byte(body(n)), compress.None)
			if err := s.Told(tells[n]); err != nil {
				t.Fatal(err)
			}
			if n == 900 { // a restart changes nothing
				if s, err = open(d, s.config); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, known := map[uint64]bool{}, s.Lost()
		for s.Stats().Reports > 0 {
			reports, err := s.Oldest(64, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range reports {
				got[r.Sequence] = true
				known = append(known, tells[r.Sequence]...)
				if err := s.Done(r.Name); err != nil {
					t.Fatal(err)
				}
			}
		}
		known = append(known, s.Lost()...)
		epoch, _ := s.Identity()
		for n := uint64(1); n <= all; n++ {
			if isKnown := covers(known, Name{epoch, n}); isKnown == got[n] {
				t.Fatalf("%d may wait: the sink has report %d: %t, told as lost: %t", waiting, n, got[n], isKnown)
			}
		}
		if len(s.pointer.told) > 0 {
			t.Errorf("%d ranges are still to be told: %+v", len(s.pointer.told), s.pointer.told[0])
		}
	}
}

// TestKilledBeforeThePointer: a kill within Put gives away no number without a report, and one that it has skipped
// counts as lost. Else the process that makes the reports takes its report for stored.
func TestKilledBeforeThePointer(t *testing.T) {
	for step := 1; ; step++ {
		d := newDisk(rand.New(rand.NewPCG(1, 1)), time.Now)
		c := Config{MaxBytes: 3*headerSize + 300}
		s, err := open(d, c)
		if err != nil {
			t.Fatal(err)
		}
		report := make([]byte, 100)
		for n := range uint64(3) {
			if err := s.Put(n+1, report, compress.None); err != nil {
				t.Fatal(err)
			}
		}
		var killed bool
		func() {
			defer func() { killed = recover() != nil }()
			d.crashAfter = step
			_ = s.Put(5, report, compress.None) // the fourth did not come, and the first makes room
		}()
		d.crashAfter = -1
		if s, err = open(d, c); err != nil {
			t.Fatal(err)
		}
		_, next := s.Identity()
		_, isThere := d.names[label{position{s.pointer.generation, 5}, s.pointer.epoch}.name()]
		for n := uint64(1); n < next; n++ {
			_, waits := d.names[label{position{s.pointer.generation, n}, s.pointer.epoch}.name()]
			if !waits && !covers(s.Lost(), Name{s.pointer.epoch, n}) {
				t.Errorf("killed at step %d: %d is of no report, and not lost: %v", step, n, s.Lost())
			}
		}
		if isThere != (next == 6) {
			t.Errorf("killed at step %d: report 5 is there: %v; the next one is %d", step, isThere, next)
		}
		if !killed {
			return
		}
	}
}
