// SPDX-License-Identifier: Apache-2.0

// Package queue keeps reports on disk between ingest and store, so that a sink's yes never waits for the engine.
//
// Reports are appended to segments; requests that come together share one fsync. A file whose write or fsync failed is
// never written again, and neither is one of an earlier run. The reader's place is a file of its own. It may be behind:
// a segment that is missing has been read. After a crash the reader may get reports again, and the store, which knows
// them, does not take them twice.
package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/weirnet/weir/internal/sink/store"
)

// Config configures a queue. Zero values have defaults.
type Config struct {
	Folder       string
	FS           FS    // in place of Folder, in tests
	MaxBytes     int64 // of all segments
	SegmentBytes int64 // after which a new one begins
}

// Defaults of Config.
const (
	DefaultMaxBytes     = 2 << 30
	DefaultSegmentBytes = 16 << 20
)

// Errors of Append.
var (
	// ErrFull: the queue has reached its limit, or the disk is full. A later try may succeed.
	ErrFull = errors.New("the queue is full")
	// ErrClosed is that of a closed queue.
	ErrClosed = errors.New("the queue is closed")
)

const (
	suffix        = ".queue"
	positionName  = "position"
	temporaryName = "position.new"
)

// Queue is a durable queue with any number of writers and one reader.
type Queue struct {
	fs           FS
	maxBytes     int64
	segmentBytes int64

	mu       sync.Mutex
	segments []segment // the oldest first
	next     uint64    // number of the next segment
	position position  // of the reader
	reports  int64     // not yet read
	bytes    int64     // of all segments, and of what waits to be written
	waiting  []*group
	isClosed bool

	work  chan struct{} // wakes the writer
	grown chan struct{} // wakes the reader
	ended chan struct{} // the writer has ended

	active File // of the last segment; the writer's, nil without one
}

// segment is a file of records. What follows size was never acknowledged.
type segment struct {
	number   uint64
	size     int64
	reports  int64 // not yet read
	isActive bool
}

// position is a place in a segment.
type position struct {
	segment uint64
	offset  int64
}

// group is what one Append waits for.
type group struct {
	reports []store.Report
	size    int64
	done    chan error
}

// Open opens a queue, and calls each with every report in it, whose line is as Pack made it.
func Open(c Config, each func(*store.Report)) (*Queue, error) {
	q := &Queue{fs: c.FS, maxBytes: c.MaxBytes, segmentBytes: c.SegmentBytes, work: make(chan struct{}, 1),
		grown: make(chan struct{}, 1), ended: make(chan struct{})}
	if q.fs == nil {
		if err := os.MkdirAll(c.Folder, 0o700); err != nil {
			return nil, err
		}
		q.fs = folder(c.Folder)
	}
	if q.maxBytes == 0 {
		q.maxBytes = DefaultMaxBytes
	}
	if q.segmentBytes == 0 {
		q.segmentBytes = DefaultSegmentBytes
	}
	q.segmentBytes = min(q.segmentBytes, max(q.maxBytes/8, 1)) // the last segment stays, be it read
	if err := q.recover(each); err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	go q.write()
	return q, nil
}

func name(number uint64) string { return fmt.Sprintf("%020d%s", number, suffix) }

// recover finds the segments and the reader's place.
func (q *Queue) recover(each func(*store.Report)) error {
	names, err := q.fs.List()
	if err != nil {
		return err
	}
	if slices.Contains(names, temporaryName) {
		_ = q.fs.Remove(temporaryName) // of a write that a crash cut; Create needs the name
	}
	if q.position, err = q.readPosition(names); err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range names {
		text, isSegment := strings.CutSuffix(n, suffix)
		number, err := strconv.ParseUint(text, 10, 64)
		if !isSegment || err != nil || n != name(number) {
			continue
		}
		if number < q.position.segment { // read, and a crash kept it
			if err := q.fs.Remove(n); err != nil {
				return err
			}
			continue
		}
		if err := q.load(number, each); err != nil {
			return err
		}
	}
	q.next = max(q.position.segment, 1)
	if q.position.offset > 0 {
		q.next = q.position.segment + 1 // offset means that segment, be it lost
	}
	if n := len(q.segments); n > 0 {
		q.next = max(q.next, q.segments[n-1].number+1)
	}
	return nil
}

// load reads a segment.
func (q *Queue) load(number uint64, each func(*store.Report)) error {
	f, err := q.fs.Open(name(number))
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	loaded := segment{number: number, size: size}
	defer func() { q.segments = append(q.segments, loaded) }()
	q.bytes += size
	s := scanner{in: f, end: size}
	if number == q.position.segment {
		s.at = q.position.offset
	}
	for {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		q.reports++
		loaded.reports++
		each(&r)
	}
}

const positionSize = 20

// readPosition returns the reader's place. Without a whole file it is the begin of the oldest segment: the store knows
// what it had. A file that can't be read is an error: it may be read later, and would then call new segments old.
func (q *Queue) readPosition(names []string) (p position, err error) {
	if !slices.Contains(names, positionName) {
		return p, nil
	}
	f, err := q.fs.Open(positionName)
	if err != nil {
		return p, err
	}
	defer f.Close()
	var b [positionSize]byte
	if err := readAt(f, b[:], 0); errors.Is(err, io.ErrUnexpectedEOF) {
		return p, nil
	} else if err != nil {
		return p, err
	}
	if crc32.Checksum(b[:16], castagnoli) != binary.LittleEndian.Uint32(b[16:]) {
		return p, nil
	}
	p = position{binary.LittleEndian.Uint64(b[:]), int64(binary.LittleEndian.Uint64(b[8:]))}
	if p.offset < 0 {
		return position{}, nil
	}
	return p, nil
}

// writePosition makes the reader's place durable.
func (q *Queue) writePosition(p position) error {
	b := binary.LittleEndian.AppendUint64(nil, p.segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.offset))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	f, err := q.fs.Create(temporaryName)
	if errors.Is(err, os.ErrExist) {
		if err := q.fs.Remove(temporaryName); err != nil {
			return err
		}
		f, err = q.fs.Create(temporaryName)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		_ = q.fs.Remove(temporaryName)
		return err
	}
	if err := q.fs.Rename(temporaryName, positionName); err != nil {
		return err
	}
	return q.fs.SyncFolder()
}

// Append returns once the reports are on disk. Without an error they will be read. Their lines may be packed (Pack).
func (q *Queue) Append(ctx context.Context, reports []store.Report) error {
	for i := range reports {
		r := &reports[i]
		if len(r.Agent) > maxID || len(r.Epoch) > maxID || recordSize(r) > maxRecord {
			return errors.New("a report is too large for the queue")
		}
	}
	reports = packAll(reports)
	g := &group{reports: reports, done: make(chan error, 1)}
	for i := range reports {
		g.size += recordSize(&reports[i])
	}
	if len(reports) == 0 {
		return nil
	}
	q.mu.Lock()
	switch {
	case q.isClosed:
		q.mu.Unlock()
		return ErrClosed
	case q.bytes+g.size > q.maxBytes:
		q.mu.Unlock()
		return ErrFull
	}
	q.bytes += g.size
	q.waiting = append(q.waiting, g)
	q.mu.Unlock()
	signal(q.work)
	select {
	case err := <-g.done:
		return err
	case <-ctx.Done():
		return ctx.Err() // it may be written all the same; nobody has been told
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write is the writer's loop.
func (q *Queue) write() {
	defer close(q.ended)
	for range q.work {
		q.mu.Lock()
		groups, isClosed := q.waiting, q.isClosed
		q.waiting = nil
		q.mu.Unlock()
		if len(groups) > 0 {
			err := q.commit(groups)
			for _, g := range groups {
				g.done <- err
			}
		}
		if isClosed {
			break
		}
	}
	if q.active != nil {
		_ = q.active.Close() // all that was acknowledged is synced
	}
}

// commit writes the groups to the last segment and syncs it.
func (q *Queue) commit(groups []*group) error {
	size, reports := int64(0), 0
	for _, g := range groups {
		size += g.size
		reports += len(g.reports)
	}
	err := q.begin()
	if err == nil {
		if err = q.writeGroups(groups); err == nil {
			err = q.active.Sync()
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.bytes -= size
		q.giveUp()
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return err
	}
	last := &q.segments[len(q.segments)-1]
	last.size += size
	last.reports += int64(reports)
	q.reports += int64(reports)
	if last.size >= q.segmentBytes {
		_ = q.active.Close()
		q.active, last.isActive = nil, false
	}
	signal(q.grown)
	return nil
}

// begin makes a new segment if there is none to write to.
func (q *Queue) begin() error {
	if q.active != nil {
		return nil
	}
	q.mu.Lock()
	number := q.next
	q.next++ // also if it fails: a name is used once
	q.mu.Unlock()
	f, err := q.fs.Create(name(number))
	if err != nil {
		return err
	}
	q.active = f
	q.mu.Lock()
	q.segments = append(q.segments, segment{number: number, isActive: true})
	q.mu.Unlock()
	return q.fs.SyncFolder()
}

func (q *Queue) writeGroups(groups []*group) error {
	var b []byte
	for _, g := range groups {
		for i := range g.reports {
			b = appendRecord(b[:0], &g.reports[i])
			if _, err := q.active.Write(b); err != nil {
				return err
			}
			if _, err := q.active.Write(g.reports[i].Line); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveUp leaves the last segment after an error: what it has beyond its size stays unread in this run, and harms no
// later one. The caller holds the lock.
func (q *Queue) giveUp() {
	if q.active == nil {
		return
	}
	last := &q.segments[len(q.segments)-1]
	_ = q.active.Truncate(last.size)
	_ = q.active.Close()
	q.active, last.isActive = nil, false
	if last.size == 0 && q.fs.Remove(name(last.number)) == nil {
		q.segments = q.segments[:len(q.segments)-1]
	}
}

// Batch is what Next returns.
type Batch struct {
	Reports []store.Report
	Damaged int64 // bytes that were passed over
	end     position
	count   int64
}

// Next returns the oldest reports that are not yet read, of about so many bytes (not packed), and waits for the first.
// It returns the same ones again until Advance.
func (q *Queue) Next(ctx context.Context, most int64) (*Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		q.mu.Lock()
		isClosed := q.isClosed
		at, end, ok := q.unread()
		q.mu.Unlock()
		if ok {
			return q.read(at, end, most)
		}
		if isClosed {
			return nil, ErrClosed
		}
		select {
		case <-q.grown:
		case <-ctx.Done():
		}
	}
}

// unread returns where the reader goes on, and where that segment ends. The caller holds the lock.
func (q *Queue) unread() (at position, end int64, ok bool) {
	for _, s := range q.segments {
		at = position{segment: s.number}
		if s.number == q.position.segment {
			at.offset = q.position.offset
		}
		if s.number >= q.position.segment && at.offset < s.size {
			return at, s.size, true
		}
	}
	return position{}, 0, false
}

// read reads a batch. A segment that is gone is one whose bytes are all damaged.
func (q *Queue) read(at position, end, most int64) (*Batch, error) {
	b := &Batch{Damaged: end - at.offset, end: position{at.segment, end}}
	f, err := q.fs.Open(name(at.segment))
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	defer f.Close()
	s := scanner{in: f, at: at.offset, end: end}
	for size := int64(0); size < most; {
		r, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the queue: %w", err)
		}
		packed := recordSize(&r)
		var ok bool
		if r.Line, ok = Unpack(r.Line); !ok {
			s.damaged += packed
			continue
		}
		size += recordSize(&r)
		b.Reports = append(b.Reports, r)
	}
	b.Damaged, b.count, b.end.offset = s.damaged, int64(len(b.Reports)), s.at
	return b, nil
}

// Advance goes on to what follows a batch. The error says that this is not durable: after a restart the reader may get
// the batch again. Segments that are read go all the same, as a full disk needs their room.
func (q *Queue) Advance(b *Batch) error {
	p := b.end
	q.mu.Lock()
	read := 0
	for i := range q.segments {
		s := &q.segments[i]
		if s.number == b.end.segment {
			s.reports -= b.count
			q.reports -= b.count
		}
		if s.number > p.segment || (s.number == p.segment && p.offset < s.size) {
			break
		}
		q.reports -= s.reports // damaged ones
		s.reports = 0
		if s.isActive {
			break
		}
		if s.number == p.segment {
			p = position{segment: s.number + 1}
		}
		read++
	}
	done := slices.Clone(q.segments[:read])
	q.position = p
	q.mu.Unlock()
	err := q.writePosition(p)
	if err != nil {
		err = fmt.Errorf("write the queue's place: %w", err)
	}
	for _, s := range done {
		if err := q.fs.Remove(name(s.number)); err != nil && !errors.Is(err, os.ErrNotExist) {
			break // the next Advance tries again
		}
		q.mu.Lock()
		q.segments = q.segments[1:]
		q.bytes -= s.size
		q.mu.Unlock()
	}
	return err
}

// SetAside gives up a segment that can't be read, and keeps its file under another name. It returns the reports that
// were in it.
func (q *Queue) SetAside() (reports int64) {
	q.mu.Lock()
	at, end, ok := q.unread()
	for _, s := range q.segments {
		if s.number == at.segment {
			ok = ok && !s.isActive
			reports = s.reports
		}
	}
	q.mu.Unlock()
	if !ok {
		return 0 // the writer has it: it ends with the next one
	}
	_ = q.fs.Rename(name(at.segment), strings.TrimSuffix(name(at.segment), suffix)+".damaged")
	_ = q.Advance(&Batch{end: position{at.segment, end}})
	return reports
}

// Size returns the reports that are not yet read, and the bytes on disk.
func (q *Queue) Size() (reports, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reports, q.bytes
}

// Close writes what waits, and ends Append and, once all is read, Next.
func (q *Queue) Close() {
	q.mu.Lock()
	wasClosed := q.isClosed
	q.isClosed = true
	q.mu.Unlock()
	if !wasClosed {
		signal(q.work)
	}
	<-q.ended
	signal(q.grown)
}
