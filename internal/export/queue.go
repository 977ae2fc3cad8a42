// SPDX-License-Identifier: Apache-2.0

package export

import "sync"

// Queue holds records for a reader, bounded in number and bytes. A full queue drops the oldest: what is new is what
// people look for.
type Queue struct {
	mostRecords int
	mostBytes   int64
	wake        chan struct{} // has one when there is something to take, or the end

	mu       sync.Mutex // guards what follows
	ring     []*Record  // grows up to mostRecords
	first, n int
	bytes    int64
	dropped  uint64
	isClosed bool
}

// recordBytes is what a record takes besides its line: the record, and the flow with what it points to.
const recordBytes = 1 << 10

// NewQueue returns a queue of at most so many records and bytes.
func NewQueue(records int, bytes int64) *Queue {
	return &Queue{mostRecords: records, mostBytes: bytes, wake: make(chan struct{}, 1)}
}

// Put appends a record. After Close it does nothing.
func (q *Queue) Put(r *Record) {
	size := recordBytes + int64(len(r.Line))
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.isClosed {
		return
	}
	for q.n > 0 && (q.n >= q.mostRecords || q.bytes+size > q.mostBytes) {
		q.drop()
	}
	if q.n == len(q.ring) {
		q.grow()
	}
	q.ring[(q.first+q.n)%len(q.ring)] = r
	q.n++
	q.bytes += size
	q.signal()
}

func (q *Queue) drop() {
	q.take()
	q.dropped++
}

// take removes the oldest record.
func (q *Queue) take() *Record {
	r := q.ring[q.first]
	q.ring[q.first] = nil
	q.first = (q.first + 1) % len(q.ring)
	q.n--
	q.bytes -= recordBytes + int64(len(r.Line))
	return r
}

func (q *Queue) grow() {
	grown := make([]*Record, min(max(2*len(q.ring), 64), q.mostRecords))
	for i := range q.n {
		grown[i] = q.ring[(q.first+i)%len(q.ring)]
	}
	q.ring, q.first = grown, 0
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Wake has an element when Take may have something new.
func (q *Queue) Wake() <-chan struct{} { return q.wake }

// Take appends at most so many records to a list. isOver: the queue is closed, and empty.
func (q *Queue) Take(to []*Record, most int) (records []*Record, isOver bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range min(most, q.n) {
		to = append(to, q.take())
	}
	if q.n > 0 || q.isClosed {
		q.signal()
	}
	if q.n == 0 && len(q.ring) > keptRing {
		q.ring, q.first = nil, 0
	}
	return to, q.isClosed && q.n == 0
}

// keptRing bounds the room that an empty queue keeps.
const keptRing = 1 << 10

// Close ends the queue: what is in it can still be taken.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isClosed = true
	q.signal()
}

// Count returns the number of waiting records, and how many were dropped so far.
func (q *Queue) Count() (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n, q.dropped
}
