// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/export"
)

// Rotation says when a file is set aside: path becomes path.1, that becomes path.2, and so on.
type Rotation struct {
	Size  int64         // bytes from which a file is set aside; 0: never
	Age   time.Duration // from which it is; 0: never
	Keep  int           // files set aside that are kept
	Sync  bool          // each batch is on disk before the next one comes; else files are when they are set aside
	Clock func() time.Time
}

// ReadRotation reads a rotation's parameters.
func ReadRotation(p *export.Parameters) Rotation {
	return Rotation{
		Size: p.Bytes("rotate", 100<<20, 64<<10, 1<<40),
		Age:  p.Duration("age", 0, time.Minute, 10*365*24*time.Hour),
		Keep: p.Int("keep", 5, 0, 1000),
		Sync: p.OneOf("sync", "rotated", "always") == "always",
	}
}

// Lines writes lines into a file. Only Reopen may be called by another goroutine.
type Lines struct {
	path     string
	rotation Rotation
	reopen   atomic.Bool

	file   *os.File
	size   int64
	began  time.Time // of the file's life
	looked time.Time // at the file's name

	batch []byte
	ends  []int // of the batch's lines
}

// lookEvery is the time between two looks whether the file still has its name: logrotate may have moved it.
const lookEvery = time.Second

// keptBatch bounds the room that is kept for batches.
const keptBatch = 1 << 20

// NewLines returns Lines. The first End opens the file.
func NewLines(path string, r Rotation) *Lines {
	if r.Clock == nil {
		r.Clock = time.Now
	}
	return &Lines{path: path, rotation: r}
}

// Begin begins a batch of lines.
func (l *Lines) Begin() {
	if l.ends = l.ends[:0]; cap(l.batch) > keptBatch {
		l.batch = nil
	}
	l.batch = l.batch[:0]
}

// Add adds a line to the batch.
func (l *Lines) Add(line []byte) {
	l.batch = append(append(l.batch, line...), '\n')
	l.ends = append(l.ends, len(l.batch))
}

// Buffer returns the batch for another line's bytes: Set sets it after them.
func (l *Lines) Buffer() []byte { return l.batch }

// Set ends the line that was appended to Buffer.
func (l *Lines) Set(batch []byte) {
	l.batch = append(batch, '\n')
	l.ends = append(l.ends, len(l.batch))
}

// End writes the batch. It returns how many lines are in the file, whole.
func (l *Lines) End() (done int, err error) {
	if len(l.ends) == 0 {
		return 0, nil
	}
	if err := l.prepare(); err != nil {
		return 0, err
	}
	n, err := l.file.Write(l.batch)
	for done < len(l.ends) && l.ends[done] <= n {
		done++
	}
	if err != nil { // such as a full disk: a broken line is taken back
		whole := 0
		if done > 0 {
			whole = l.ends[done-1]
		}
		if n > whole && l.file.Truncate(l.size+int64(whole)) != nil {
			l.forget() // the next one that opens it ends the line
			return done, err
		}
		l.size += int64(whole)
		return done, err
	}
	l.size += int64(n)
	if l.rotation.Sync {
		if err := l.file.Sync(); err != nil {
			l.forget() // what a failed sync wrote is not known
			return done, fmt.Errorf("sync %s: %w", l.path, err)
		}
	}
	return done, nil
}

// prepare opens the file if that is due, and sets it aside if it is large or old enough.
func (l *Lines) prepare() error {
	now := l.rotation.Clock()
	if l.file != nil && (l.reopen.Swap(false) || l.hasMoved(now)) {
		l.forget()
	}
	if l.file == nil {
		if err := l.open(now); err != nil {
			return err
		}
	}
	isLarge := l.rotation.Size > 0 && l.size+int64(len(l.batch)) > l.rotation.Size
	isOld := l.rotation.Age > 0 && now.Sub(l.began) >= l.rotation.Age
	if l.size == 0 || !isLarge && !isOld {
		return nil
	}
	if err := l.rotate(); err != nil {
		return err
	}
	return l.open(now)
}

// Reopen makes the next batch go to the file that has the name then.
func (l *Lines) Reopen() { l.reopen.Store(true) }

// hasMoved reports whether the name is another file's, or nobody's.
func (l *Lines) hasMoved(now time.Time) bool {
	if passed := now.Sub(l.looked); passed >= 0 && passed < lookEvery {
		return false
	}
	l.looked = now
	here, err := os.Lstat(l.path)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	ours, err := l.file.Stat()
	return err == nil && !os.SameFile(here, ours)
}

// open opens the file, and makes it if it is missing. A line that a crash left broken is ended.
func (l *Lines) open(now time.Time) error {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", l.path)
	}
	size := int64(0)
	if err == nil {
		size, err = endLine(f, info.Size())
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size, l.began, l.looked = f, size, born(f, now), now
	l.reopen.Store(false)
	return nil
}

// endLine ends the last line, and returns the file's size.
func endLine(f *os.File, size int64) (int64, error) {
	var last [1]byte
	if size == 0 {
		return 0, nil
	}
	if _, err := f.ReadAt(last[:], size-1); err != nil {
		return 0, err
	}
	if last[0] == '\n' {
		return size, nil
	}
	n, err := f.Write([]byte("\n"))
	return size + int64(n), err
}

// born returns when a file was made, or now if the file system does not know, or is of another time.
func born(f *os.File, now time.Time) time.Time {
	var s unix.Statx_t
	if unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &s) == nil && s.Mask&unix.STATX_BTIME != 0 {
		if at := time.Unix(s.Btime.Sec, int64(s.Btime.Nsec)); at.Before(now) {
			return at
		}
	}
	return now
}

// rotate sets the file aside.
func (l *Lines) rotate() error {
	err := l.file.Sync()
	l.forget()
	if err != nil {
		return fmt.Errorf("sync %s: %w", l.path, err)
	}
	if l.rotation.Keep == 0 {
		return os.Remove(l.path)
	}
	for i := l.rotation.Keep - 1; i >= 0; i-- {
		err := os.Rename(l.aside(i), l.aside(i+1))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// aside names a file that was set aside; 0 is the file itself.
func (l *Lines) aside(i int) string {
	if i == 0 {
		return l.path
	}
	return l.path + "." + strconv.Itoa(i)
}

// forget closes the file.
func (l *Lines) forget() {
	if l.file != nil {
		_ = l.file.Close() // what was to be on disk was synced
		l.file = nil
	}
}

// Close syncs and closes the file.
func (l *Lines) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Sync()
	l.forget()
	return err
}
