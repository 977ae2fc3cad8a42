// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/testing/lab"
)

// TestRealDisk: on a file system that fills up and turns read-only, Put says so, and the spool recovers by itself.
func TestRealDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "root, to mount a file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("spool", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	s := mustOpen(t, dir, Config{})
	epoch, _ := s.Identity()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	report, next := make([]byte, 16<<10), uint64(1)
	put := func() error {
		next++
		return s.Put(next-1, report, compress.None)
	}
	for next < 100 {
		if err := put(); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
	}
	full := next - 1
	if err := put(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("put on a full disk: %v", err)
	}
	want(t, "lost", s.Lost(), []Range{{epoch, full, full + 1, 2}})
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Errorf("put when there is room again: %v", err)
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("spool", dir, "tmpfs", unix.MS_REMOUNT|flags, "size=256k"); err != nil {
			t.Fatalf("remount: %v", err)
		}
	}
	remount(unix.MS_RDONLY)
	if err := put(); !errors.Is(err, syscall.EROFS) {
		t.Errorf("put on a read-only disk: %v", err)
	}
	oldest, err := s.Oldest(1, 1)
	if err != nil || len(oldest) != 1 {
		t.Fatalf("%v %v", oldest, err)
	}
	if err := s.Done(oldest[0].Name); !errors.Is(err, syscall.EROFS) {
		t.Errorf("done on a read-only disk: %v", err)
	}
	if again, err := s.Oldest(1, 1); err != nil || again[0].Sequence != 2 {
		t.Errorf("after a report that is done comes %v, %v", again, err)
	}
	remount(0)
	if err := put(); err != nil {
		t.Errorf("put on a disk that is writable again: %v", err)
	}
	_ = s.Close()
	s = mustOpen(t, dir, Config{})
	want(t, "lost", s.Lost(), []Range{{epoch, full, full + 1, 2}, {epoch, full + 3, full + 3, 1}})
	var got []uint64
	for s.Stats().Reports > 0 {
		all, err := s.Oldest(100, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			got = append(got, r.Sequence)
			if err := s.Done(r.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	var waited []uint64
	for n := uint64(2); n < next; n++ {
		if n != full && n != full+1 && n != full+3 {
			waited = append(waited, n)
		}
	}
	want(t, "sent", got, waited)
	if files, err := os.ReadDir(dir); err != nil || fmt.Sprint(files) != "[- pointer]" {
		t.Errorf("%v %v", files, err)
	}
}
