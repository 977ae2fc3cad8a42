// SPDX-License-Identifier: Apache-2.0

// Package spool keeps reports on disk until a sink has them. A report is a file; what Put accepted survives a crash and
// a power cut, and is sent in order. The folder has a bound in bytes and in age, beyond which the oldest reports are
// lost; the spool remembers which, so that a later report can tell.
package spool

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/ship/compress"
)

// Epoch names a numbering of reports: a report's epoch and sequence are those of no other report.
type Epoch [16]byte

func (e Epoch) String() string { return hex.EncodeToString(e[:]) }

// Name names a report.
type Name struct {
	Epoch    Epoch
	Sequence uint64
}

// Report is a report to send.
type Report struct {
	Name
	Encoding compress.Encoding
	Body     []byte
}

// Config bounds a spool. Zero values mean the defaults.
type Config struct {
	MaxBytes int64         // of all waiting reports; default 256 MiB
	MaxAge   time.Duration // default 7 days
	Now      func() time.Time
}

const (
	defaultBytes = 256 << 20
	defaultAge   = 7 * 24 * time.Hour
	// maxReports bounds the list in memory: reports of 11 days.
	maxReports = 1 << 16
	// maxOff is how long a gateway may have been off. An older file is from before the clock was set.
	maxOff = 365 * 24 * time.Hour
	// maxReads are the attempts to read a file before it counts as damaged.
	maxReads = 3
)

const (
	pointerName, newName    = "pointer", "new"
	damagedDir, refusedDir  = "damaged", "refused"
	maxAside, maxAsideBytes = 32, 32 << 20 // files and bytes of each of these two
	maxJump                 = 1 << 32      // of a sequence or a generation; a name beyond it is damaged
)

// Stats describes a spool. Counts are those since it was opened.
type Stats struct {
	Reports int   // that wait
	Bytes   int64 // of their files
	Oldest  time.Duration
	Stored  uint64 // accepted by Put
	Sent    uint64
	Refused uint64 // by the sink
	Damaged uint64 // files that were not what the spool wrote
	Dropped uint64 // reports too old, or too many for the spool
	Failed  uint64 // reports that Put could not store, or never got
	Untold  uint64 // lost reports that nobody was told of
	// Error is the last operation's that failed, "" after a Put that succeeded.
	Error string
	// Refusal is the sink's reason for the last refused report.
	Refusal string
}

// waiting is a report on disk.
type waiting struct {
	label
	size int64
	at   time.Duration // since Spool.start
}

// Spool is a folder of reports. It is safe for use by several goroutines.
type Spool struct {
	mutex  sync.Mutex
	folder folder
	config Config
	start  time.Time

	pointer pointer
	isDirty bool // the pointer's file is older than the pointer
	// isSynced: what was there at the start, the pointer too, survives a power cut.
	isSynced bool
	queue    []waiting
	bytes    int64
	newest   label   // the last report that Put has stored
	leftover []label // segments to remove
	unread   label   // the segment that could not be read, reads times
	reads    int
	stats    Stats
}

// Open opens the spool in a folder, and makes the folder if it is missing. Damage and an unwritable disk are no errors.
func Open(path string, c Config) (*Spool, error) {
	f, err := openFolder(path)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s, err := open(f, c)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), f.close())
	}
	return s, nil
}

func open(f folder, c Config) (*Spool, error) {
	c.MaxBytes, c.MaxAge = cmp.Or(c.MaxBytes, defaultBytes), cmp.Or(c.MaxAge, defaultAge)
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Spool{folder: f, config: c, start: c.Now()}
	files, err := f.list(".")
	if err != nil {
		return nil, err
	}
	isKnown := s.readPointer()
	s.collect(files)
	s.missTellers()
	s.number(isKnown)
	s.note(s.sync())
	s.note(s.settle())
	return s, nil
}

// Close gives the folder free. What waits stays on disk.
func (s *Spool) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.folder.close()
}

// note remembers an error for the statistics.
func (s *Spool) note(err error) {
	if err != nil {
		s.stats.Error = err.Error()
	}
}

// readPointer reads the pointer, and reports whether there is one.
func (s *Spool) readPointer() bool {
	var b []byte
	var err error
	for range maxReads {
		if b, err = s.readFile(pointerName, maxPointer+1); err == nil || errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err == nil {
		s.pointer, err = parsePointer(b)
	}
	if err != nil {
		s.note(fmt.Errorf("read pointer: %w", err))
		s.stats.Damaged++
		s.note(errors.Join(s.folder.mkdir(damagedDir), s.folder.rename(pointerName, damagedDir+"/"+pointerName)))
		s.pointer = pointer{}
	}
	return err == nil
}

// readFile reads the first bytes of a file.
func (s *Spool) readFile(name string, most int64) ([]byte, error) {
	r, err := s.folder.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, most))
}

// collect makes the queue from the files that are there. The names suffice: a segment is read when it is sent.
func (s *Spool) collect(files []entry) {
	for _, e := range files {
		l, ok := parseName(e.name)
		switch {
		case !ok:
			if e.name == newName {
				s.note(s.folder.remove(newName))
			}
		case l.compare(s.pointer.done) <= 0:
			s.leftover = append(s.leftover, l)
		case l.sequence > s.pointer.next && l.sequence-s.pointer.next > maxJump ||
			l.generation > s.pointer.generation && l.generation-s.pointer.generation > maxJump:
			s.stats.Damaged++
			s.setAside(l, damagedDir)
		default:
			age := s.start.Sub(e.modified)
			if age < 0 || age > maxOff {
				age = 0
			}
			s.queue = append(s.queue, waiting{l, e.size, -age})
			s.bytes += e.size
		}
	}
	slices.SortFunc(s.queue, func(a, b waiting) int {
		return cmp.Or(a.compare(b.position), bytes.Compare(a.epoch[:], b.epoch[:]))
	})
}

// missTellers gives back to the lost ranges what only vanished reports tell.
func (s *Spool) missTellers() {
	for _, t := range slices.Clone(s.pointer.told) {
		is := func(w waiting) bool { return t.first.compare(w.position) <= 0 && w.compare(t.last) <= 0 }
		if !slices.ContainsFunc(s.queue, is) {
			s.pointer.told, s.pointer.lost = s.pointer.told.unsaid(s.pointer.lost, t.first)
			s.isDirty = true
		}
	}
}

// number sets epoch and next sequence. A new epoch begins without a pointer, and with one that is older than a segment:
// the numbers after it were given away.
func (s *Spool) number(isKnown bool) {
	p := &s.pointer
	newest := waiting{label: label{position: p.done}}
	if n := len(s.queue); n > 0 {
		newest = s.queue[n-1]
	}
	if newest.generation > p.generation {
		isKnown = false
	}
	if !isKnown {
		p.generation, p.next = max(p.generation, newest.generation)+1, 1
		_, _ = rand.Read(p.epoch[:]) // never fails
		s.isDirty = true
		return
	}
	for _, w := range s.queue {
		if w.epoch == p.epoch {
			p.next = max(p.next, w.sequence+1)
		}
	}
	s.missNumbers()
}

// missNumbers adds to the lost ranges the numbers that are neither done nor of a report, and that no range has: a crash
// came between the loss and the pointer that would tell of it.
func (s *Spool) missNumbers() {
	p := &s.pointer
	var known []Range
	for _, w := range s.queue {
		known = append(known, Range{Epoch: w.epoch, First: w.sequence, Last: w.sequence})
	}
	known = append(known, p.lost...)
	for _, t := range p.told {
		known = append(known, t.Range)
	}
	known = slices.DeleteFunc(known, func(r Range) bool { return r.Epoch != p.epoch })
	slices.SortFunc(known, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	known = append(known, Range{First: p.next, Last: p.next}) // which ends it
	first := uint64(1)
	if p.done.generation == p.generation {
		first = p.done.sequence + 1
	}
	for _, r := range known {
		if r.First > first {
			s.lose(Range{p.epoch, first, r.First - 1, r.First - first})
		}
		first = max(first, r.Last+1)
	}
}

// Identity returns the epoch, and the sequence of the next report.
func (s *Spool) Identity() (Epoch, uint64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.pointer.epoch, s.pointer.next
}

// ErrSequence is that of a report whose sequence was given away.
var ErrSequence = errors.New("the sequence number was used before")

// Put stores a report. When it returns nil, the report survives a power cut. After an error the report is lost, and
// among the lost ranges; so are the sequence numbers that Put never saw.
func (s *Spool) Put(sequence uint64, report []byte, e compress.Encoding) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	p := &s.pointer
	if sequence < p.next || sequence == math.MaxUint64 {
		return fmt.Errorf("spool report %d: %w", sequence, ErrSequence)
	}
	if sequence > p.next {
		s.fail(p.next, sequence-1)
	}
	p.next = sequence // a pointer that makeRoom writes must not give away the number of a report that is not there yet
	err := s.put(sequence, report, e)
	p.next = sequence + 1
	if err != nil {
		s.fail(sequence, sequence)
		_ = s.settle() // the ranges are small, and may find room
		err = fmt.Errorf("spool report %d: %w", sequence, err)
		s.note(err)
		return err
	}
	s.stats.Stored++
	s.stats.Error = ""
	s.note(s.settle())
	return nil
}

// fail notes that reports were not stored.
func (s *Spool) fail(first, last uint64) {
	s.lose(Range{s.pointer.epoch, first, last, last - first + 1})
	s.stats.Failed += last - first + 1
}

func (s *Spool) lose(r Range) {
	s.pointer.lost = s.pointer.lost.add(r)
	s.isDirty = true
}

func (s *Spool) put(sequence uint64, report []byte, e compress.Encoding) error {
	size := int64(headerSize + len(report))
	if len(report) > MaxReport || size > s.config.MaxBytes {
		return errors.New("the report is larger than the spool takes")
	}
	if err := s.makeRoom(size); err != nil {
		return err
	}
	now := s.config.Now()
	w := waiting{label{position{s.pointer.generation, sequence}, s.pointer.epoch}, size, now.Sub(s.start)}
	h := header{w.label, e, now.UnixNano(), uint64(len(report)), crc32.Checksum(report, castagnoli)}
	if err := s.write(w.name(), h.append(make([]byte, 0, headerSize)), report); err != nil {
		return err
	}
	s.queue, s.bytes, s.newest = append(s.queue, w), s.bytes+size, w.label
	return nil
}

// write makes a file durable under its name, or leaves none. What a failed Sync wrote is never used: the kernel forgets
// what it could not write.
func (s *Spool) write(name string, parts ...[]byte) (err error) {
	_ = s.folder.remove(newName)
	f, err := s.folder.create(newName)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err = f.Write(part); err != nil {
			break
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.folder.rename(newName, name)
	}
	if err != nil {
		_ = s.folder.remove(newName)
		return err
	}
	if err = s.sync(); err != nil && name != pointerName {
		_ = s.folder.remove(name)
	}
	return err
}

// sync makes durable what the folder has.
func (s *Spool) sync() error {
	err := s.folder.syncFolder(".")
	s.isSynced = s.isSynced || err == nil
	return err
}

// makeRoom drops the reports that are too old, and the oldest beyond what leaves room for size more bytes.
func (s *Spool) makeRoom(size int64) error {
	n, bytes, now := 0, s.bytes+size, s.config.Now().Sub(s.start)
	for n < len(s.queue) && (bytes > s.config.MaxBytes || len(s.queue)-n >= maxReports ||
		now-s.queue[n].at > s.config.MaxAge) {
		bytes -= s.queue[n].size
		n++
	}
	if n == 0 {
		return nil
	}
	// The loss is on disk before the files go, so that it can't go unnoticed.
	p := s.pointer
	p.lost, p.told = slices.Clone(p.lost), slices.Clone(p.told)
	for _, w := range s.queue[:n] {
		p.lose(w.label)
	}
	p.done = s.queue[n-1].position
	if err := s.save(&p); err != nil {
		return err
	}
	s.pointer, s.isDirty = p, false
	s.stats.Dropped += uint64(n)
	s.pop(n)
	return s.clean()
}

// pop takes the first n reports off the queue. Their files remain until clean.
func (s *Spool) pop(n int) {
	for _, w := range s.queue[:n] {
		s.bytes -= w.size
		s.leftover = append(s.leftover, w.label)
	}
	s.queue = s.queue[n:]
}

func (s *Spool) save(p *pointer) error {
	if err := s.write(pointerName, p.append(nil)); err != nil {
		return fmt.Errorf("write pointer: %w", err)
	}
	return nil
}

// settle writes the pointer, then removes the segments that it says are done.
func (s *Spool) settle() error {
	if s.isDirty {
		err := s.save(&s.pointer)
		if err != nil && s.free() {
			err = s.save(&s.pointer)
		}
		if err != nil {
			return err
		}
		s.isDirty = false
	}
	return s.clean()
}

// free makes room for the pointer on a full disk: it removes segments that are done, although a power cut can bring
// them back. It keeps one if only its name says which sequence numbers were given away.
func (s *Spool) free() bool {
	keep := 0
	if n := len(s.queue); n == 0 || s.queue[n-1].epoch != s.pointer.epoch {
		keep = 1
	}
	slices.SortFunc(s.leftover, func(a, b label) int { return a.compare(b.position) })
	n := len(s.leftover) - keep
	if n <= 0 || !s.isSynced {
		return false
	}
	for _, l := range s.leftover[:n] {
		_ = s.folder.remove(l.name())
	}
	return true
}

// clean removes the segments that are done, as the pointer on disk says.
func (s *Spool) clean() (err error) {
	if !s.isSynced {
		return nil
	}
	var rest []label
	for _, l := range s.leftover {
		if e := s.folder.remove(l.name()); e != nil && !errors.Is(e, fs.ErrNotExist) {
			rest, err = append(rest, l), e
		}
	}
	s.leftover = rest
	return err
}

// Lost returns the ranges that nobody was told of.
func (s *Spool) Lost() []Range {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.pointer.lost)
}

// Told says that the last report that Put has stored tells of ranges that Lost returned. They are forgotten when the
// sink has that report, and lost again if the report is.
func (s *Spool) Told(ranges []Range) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(ranges) == 0 {
		return nil
	}
	rest, taken := s.pointer.lost.told(ranges)
	s.pointer.lost = rest
	if n := len(s.queue); n > 0 && s.queue[n-1].label == s.newest { // else the sink has it already
		for _, r := range taken {
			s.pointer.told = s.pointer.told.add(telling{r, s.newest.position, s.newest.position})
		}
	}
	s.isDirty = true
	return s.settle()
}

// Stats returns the statistics.
func (s *Spool) Stats() Stats {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	stats := s.stats
	stats.Reports, stats.Bytes, stats.Untold = len(s.queue), s.bytes, s.pointer.lost.reports()
	if len(s.queue) > 0 {
		stats.Oldest = s.config.Now().Sub(s.start) - s.queue[0].at
	}
	return stats
}
