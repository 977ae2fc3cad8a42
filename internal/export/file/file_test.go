// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/exporttest"
)

// open opens the output of a URL.
func open(t *testing.T, url string) export.Output {
	t.Helper()
	return exporttest.Open(t, Kind, url, nil)
}

func records(lines ...string) (all []*export.Record) {
	for _, l := range lines {
		all = append(all, &export.Record{Type: "flow", Line: []byte(l)})
	}
	return all
}

// want checks the files of a folder, by name.
func want(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if content, ok := files[e.Name()]; !ok || content != string(got) {
			t.Errorf("%s has %.60q (%d bytes), not %.60q", e.Name(), got, len(got), content)
		}
	}
	if len(entries) != len(files) {
		t.Errorf("%d files, not %d", len(entries), len(files))
	}
}

func TestFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := os.WriteFile(path, []byte("whole\nbroken"), 0o600); err != nil { // by a crash
		t.Fatal(err)
	}
	o := open(t, "file://"+path)
	for _, lines := range [][]string{{"a", "b"}, {}, {"c"}} {
		if err := o.Write(t.Context(), records(lines...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(o.Close(), o.Close()); err != nil {
		t.Error(err)
	}
	want(t, folder, map[string]string{"f": "whole\nbroken\na\nb\nc\n"})
}

// TestRotation: a file is set aside before the batch that would make it too large, or that comes when it is too old.
func TestRotation(t *testing.T) {
	now := time.Now().Add(time.Hour)
	for name, r := range map[string]Rotation{
		"size": {Size: 20, Keep: 2},
		"age":  {Age: time.Minute, Keep: 2},
		"sync": {Size: 20, Keep: 2, Sync: true},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			r.Clock = func() time.Time { return now }
			l := NewLines(filepath.Join(folder, "f"), r)
			for i := range 5 {
				l.Begin()
				l.Add(fmt.Appendf(nil, "batch %d of", i))
				l.Set(append(l.Buffer(), "two"...))
				if n, err := l.End(); n != 2 || err != nil {
					t.Fatal(n, err)
				}
				now = now.Add(time.Minute)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			want(t, folder, map[string]string{"f": "batch 4 of\ntwo\n", "f.1": "batch 3 of\ntwo\n",
				"f.2": "batch 2 of\ntwo\n"})
		})
	}
}

func TestKeepNone(t *testing.T) {
	folder := t.TempDir()
	l := NewLines(filepath.Join(folder, "f"), Rotation{Size: 3})
	for _, line := range []string{"aaaa", "bbbb"} {
		l.Begin()
		l.Add([]byte(line))
		if _, err := l.End(); err != nil {
			t.Fatal(err)
		}
	}
	want(t, folder, map[string]string{"f": "bbbb\n"})
	_ = l.Close()
}

// TestReopen: after another program has moved or removed the file, records go to a new one; at once after a signal,
// else within a second.
func TestReopen(t *testing.T) {
	folder, now := t.TempDir(), time.Now()
	path := filepath.Join(folder, "f")
	o := &output{lines: NewLines(path, Rotation{Clock: func() time.Time { return now }})}
	write := func(line string) {
		t.Helper()
		if err := o.Write(t.Context(), records(line)); err != nil {
			t.Fatal(err)
		}
	}
	write("a")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	write("b") // to the old one
	o.Reopen()
	write("c")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	write("d")
	want(t, folder, map[string]string{"f": "d\n", "f.old": "a\nb\n"})
	_ = o.Close()
}

// TestNoFile: what is no regular file, or a link, is not written.
func TestNoFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	for name, makeIt := range map[string]func() error{
		"link":   func() error { return os.Symlink("other", path) },
		"pipe":   func() error { return unix.Mkfifo(path, 0o600) },
		"folder": func() error { return os.Mkdir(path, 0o700) },
	} {
		if err := makeIt(); err != nil {
			t.Fatal(err)
		}
		o := open(t, "file://"+path)
		var retry *export.RetryError
		if err := o.Write(t.Context(), records("a")); !errors.As(err, &retry) || retry.Done != 0 {
			t.Errorf("%s: error %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := o.Write(t.Context(), records("a")); err != nil { // it recovers
			t.Errorf("%s: %v", name, err)
		}
		_ = errors.Join(o.Close(), os.Remove(path))
	}
}

// TestFullDisk: a file that can't grow takes whole lines only, says how many, and goes on when there is room.
func TestFullDisk(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := unix.Mount("x", folder, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("no tmpfs of one's own: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(folder, unix.MNT_DETACH) })
	other := filepath.Join(folder, "other")
	if err := os.WriteFile(other, make([]byte, 8<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 2999)
	o := open(t, "file://"+path)
	var retry *export.RetryError
	if err := o.Write(t.Context(), records(line, line, line, line)); !errors.As(err, &retry) ||
		!errors.Is(err, unix.ENOSPC) || retry.Done != 2 {
		t.Fatalf("error %v", err)
	}
	want(t, folder, map[string]string{"other": strings.Repeat("\x00", 8<<10), "f": strings.Repeat(line+"\n", 2)})
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := o.Write(t.Context(), records(line, line)); err != nil {
		t.Fatal(err)
	}
	want(t, folder, map[string]string{"f": strings.Repeat(line+"\n", 4)})
	_ = o.Close()
}

func TestParse(t *testing.T) {
	exporttest.Refuses(t, Kind, map[string]string{
		"file:///flows.ndjson":        "needs a folder",
		"file:///a/b?rotate=1B":       "from 64KiB to 1TiB",
		"file:///a/b?keep=-1":         "from 0 to 1000",
		"file:///a/b?sync=sometimes":  "rotated or always",
		"file:///a/b?age=1s":          "from 1m0s",
		"file:///a/b?rotate=100MB&x=": `no parameter "x"`,
	})
}

// BenchmarkFile has the cost of a record.
func BenchmarkFile(b *testing.B) {
	l := NewLines(filepath.Join(b.TempDir(), "f"), Rotation{Size: 100 << 20})
	line := []byte(strings.Repeat("x", 700))
	for b.Loop() {
		l.Begin()
		for range 100 {
			l.Add(line)
		}
		if _, err := l.End(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(100*b.N), "ns/record")
	_ = l.Close()
}
