// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sink/queue"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/duckdb"
	"github.com/weirnet/weir/internal/sink/store/storetest"
	"github.com/weirnet/weir/internal/testing/lab"
)

// smallDisk mounts a disk that DuckDB's file and log fit.
func smallDisk(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		lab.Lacks(t, "needs root, to mount a small disk")
	}
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	return disk
}

// fillDisk takes all room of a disk, and returns what gives it back.
func fillDisk(t testing.TB, disk string) (free func()) {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} { // until not a byte fits
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// rig is a queue that is drained into a store that is opened again when it fails, on a small disk.
type rig struct {
	t     testing.TB
	disk  string
	path  string
	clock time.Time
	store *reopening
	queue *queue.Queue
	g     *storetest.Gateway
	taken int // of the gateway's reports, by the queue
	// closed, if any, is called between closing and opening.
	closed func()
}

func newRig(t testing.TB, number byte) *rig {
	r := &rig{t: t, disk: smallDisk(t), clock: time.Unix(1_800_000_000, 0), g: storetest.NewGateway(number, 1, 1000)}
	r.path = filepath.Join(r.disk, "flows.duckdb")
	var err error
	r.store, err = newReopening(func() (store.Store, error) {
		if r.closed != nil {
			r.closed()
		}
		s, err := duckdb.Open(r.path, duckdb.Config{MemoryLimit: 64 << 20, Threads: 1})
		if err != nil {
			return nil, err
		}
		return s, nil
	}, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	r.store.now = func() time.Time { return r.clock }
	t.Cleanup(func() { _ = r.store.Close() })
	if r.queue, err = queue.Open(queue.Config{Folder: t.TempDir()}, func(*store.Report) {}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.queue.Close)
	return r
}

// send lets an interval pass, and gives its report to the queue, which says yes.
func (r *rig) send() {
	r.t.Helper()
	r.g.Step()
	if err := r.queue.Append(context.Background(), r.g.Reports[r.taken:]); err != nil {
		r.t.Fatal(err)
	}
	r.taken = len(r.g.Reports)
}

// drain moves what waits into the store.
func (r *rig) drain() error {
	for {
		if waiting, _ := r.queue.Size(); waiting == 0 {
			return nil
		}
		b, err := r.queue.Next(context.Background(), 1)
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.store.Ingest(context.Background(), b.Reports); err != nil {
			return err
		}
		if err := r.queue.Advance(b); err != nil {
			r.t.Fatal(err)
		}
	}
}

// fail sends until the store, on a full disk, takes nothing more.
func (r *rig) fail() (free func()) {
	r.t.Helper()
	free = fillDisk(r.t, r.disk)
	for range 1000 {
		r.send()
		if r.drain() != nil {
			return free
		}
	}
	r.t.Fatal("a full disk takes reports for ever")
	return nil
}

// recover waits, by the clock, until the store takes all again.
func (r *rig) recover() {
	r.t.Helper()
	var err error
	for range 4 {
		if err = r.drain(); err == nil {
			return
		}
		r.clock = r.clock.Add(reopenAfter)
	}
	r.t.Fatalf("the store takes nothing: %v", err)
}

// check compares answers with those of a store that has had these reports without harm.
func (r *rig) check(reports []store.Report) {
	r.t.Helper()
	whole, err := duckdb.Open(filepath.Join(r.t.(*testing.T).TempDir(), "whole.duckdb"), duckdb.Config{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer whole.Close()
	if _, err := whole.Ingest(context.Background(), reports); err != nil {
		r.t.Fatal(err)
	}
	for _, by := range storetest.Dimensions {
		q := &store.TopQuery{Range: store.Range{From: storetest.Start, To: r.g.Now()}, By: by, Limit: 100}
		got, err := r.store.Top(context.Background(), q)
		want, wantErr := whole.Top(context.Background(), q)
		if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
			r.t.Fatalf("top %s: %v, %v\ngot  %+v\nwant %+v", by, err, wantErr, got, want)
		}
	}
}

// TestReopenDuckDB: DuckDB meets a full disk, then its file is damaged, or gone. What the queue has said yes to, and
// the store had not taken, is there afterwards, once and to the byte.
func TestReopenDuckDB(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		r := newRig(t, 1)
		for range 3 {
			for range 5 {
				r.send()
			}
			r.recover()
			free := r.fail()
			for range 3 { // opened again, and the disk is as full
				r.clock = r.clock.Add(reopenAfter)
				_ = r.drain()
			}
			free()
			r.recover()
		}
		r.check(r.g.Reports)
	})
	t.Run("damaged", func(t *testing.T) {
		r := newRig(t, 2)
		free := r.fail()
		lost := 0
		r.closed = func() {
			waiting, _ := r.queue.Size()
			lost = len(r.g.Reports) - int(waiting)
			damage(t, r.path)
		}
		for range 3 {
			r.clock = r.clock.Add(reopenAfter)
			if r.drain() == nil {
				t.Fatal("a damaged store takes reports")
			}
		}
		free()
		r.closed = nil
		if _, err := r.store.Agents(t.Context()); !errors.Is(err, errClosed) {
			t.Errorf("a question to a damaged store: %v", err)
		}
		if err := os.Rename(r.path, r.path+".damaged"); err != nil { // what a person does
			t.Fatal(err)
		}
		r.recover()
		r.check(r.g.Reports[lost:])
	})
	t.Run("gone", func(t *testing.T) {
		r := newRig(t, 3)
		free := r.fail()
		waiting, _ := r.queue.Size()
		lost := len(r.g.Reports) - int(waiting)
		files, err := filepath.Glob(r.path + "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		free()
		r.recover()
		r.check(r.g.Reports[lost:])
	})
}

// damage makes a file none of DuckDB's, and takes its log. Its room is there already, also on a full disk.
func damage(t *testing.T, path string) {
	t.Helper()
	_ = os.Remove(path + ".wal")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, 12<<10), 0); err != nil { // its three headers
		t.Fatal(err)
	}
}

// TestReopenedConforms: a store that was opened again does what every store has to do.
func TestReopenedConforms(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "needs root, to mount a small disk")
	}
	storetest.Run(t, func(t testing.TB) store.Store {
		r := newRig(t, 9)
		first := r.store.store
		free := fillDisk(t, r.disk)
		r.store.reopen() // perhaps in vain
		free()
		if r.store.store == nil {
			r.store.reopen()
		}
		if r.store.store == nil || r.store.store == first {
			t.Fatal("the store was not opened again")
		}
		return r.store
	})
}
