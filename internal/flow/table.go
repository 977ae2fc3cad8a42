// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"time"

	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/metric"
)

// Reason says why a flow left the table.
type Reason uint8

// The reasons.
const (
	Closed   Reason = iota // TCP: both sides sent FIN
	Reset                  // TCP: RST
	Idle                   // silent for the idle time
	Evicted                // the table was full, and this flow the least valuable
	Shutdown               // the owner ended all flows
)

// State is a flow's state for expiry.
type State uint8

// The states.
const (
	OneWay   State = iota // only one side was heard
	Answered              // both sides were heard
	Ended                 // TCP: closed or reset; it lingers for packets in flight
)

// Flow is the hot part of a flow: the part that every packet touches. It holds no pointers, so the garbage collector
// never scans a table of a million of them, and it fills one cache line.
type Flow struct {
	// Bytes and Packets count each direction: [0] from the client, [1] from the server. Bytes are from the network
	// header on.
	Bytes, Packets [2]uint64
	// Last is the time of the last packet, in nanoseconds since the Unix epoch.
	Last int64

	next, prev uint32 // neighbours in the timer wheel's slot
	hash       uint32 // upper half of the key's hash
	born       uint32 // the table's creation counter: distinguishes users of one place
	slot       uint16 // of the timer wheel
	State      State
	EndReason  Reason // the cause of the end, if State is Ended
	// Shown counts the packets with payload that the dissectors have inspected.
	Shown uint8
	// Marks belongs to the owner: the table ignores it.
	Marks uint8
	TCP   TCP
	// pauses tells retransmissions; see pause.
	pauses uint8
}

// Config bounds a table and the lives of its flows. The zero value of each field means its default.
type Config struct {
	MaxFlows int           // default defaults.MaxFlows
	TCPIdle  time.Duration // an answered TCP flow without packets; default defaults.TCPIdle
	Idle     time.Duration // any other flow without packets; default defaults.Idle
	Linger   time.Duration // a TCP flow after its end; default 10 s
}

func (c *Config) setDefaults() {
	if c.MaxFlows <= 0 {
		c.MaxFlows = defaults.MaxFlows
	}
	if c.TCPIdle <= 0 {
		c.TCPIdle = defaults.TCPIdle
	}
	if c.Idle <= 0 {
		c.Idle = defaults.Idle
	}
	if c.Linger <= 0 {
		c.Linger = 10 * time.Second
	}
}

// evictableAfter is the silence after which a full table may evict an answered flow.
const evictableAfter = time.Minute

// Counters counts the table's actions at its limits.
type Counters struct {
	Created uint64
	Evicted uint64 // flows that new ones replaced
	Refused uint64 // new flows refused: the table was full of answered, busy flows
}

// Collect adds the counts to a snapshot.
func (c *Counters) Collect(s *metric.Snapshot) {
	s.Add(metric.FlowsCreated, c.Created)
	s.Add(metric.FlowsEvicted, c.Evicted)
}

const (
	chunkBits = 10 // 1,024 flows: 64 KiB of hot parts
	chunkSize = 1 << chunkBits
	none      = ^uint32(0)
)

// Index is a flow's place in its table; it is valid until the flow ends.
type Index uint32

// Table holds flows, each with a detail D of its owner. It belongs to one worker; its methods must not run
// concurrently. All times are arguments, in nanoseconds since the Unix epoch, and may jump either way.
type Table[D any] struct {
	Counters Counters
	// Refresh, unless nil, is called before the full table evicts a flow, to update it: an owner that counts elsewhere
	// may not know yet that it was answered, or goes on. It may call Hasten.
	Refresh func(Index)

	config Config
	secret secret
	end    func(Index, *Flow, *D, Reason)
	// waits and over are stillOneWay and stillEnded as values, made once: a method value per call would allocate
	waits, over func(queued) bool

	hot    []*[chunkSize]Flow
	keys   []*[chunkSize]Key
	detail []*[chunkSize]D
	free   []uint32
	used   uint32 // places handed out so far, free ones included
	births uint32 // of flows, for Flow.born
	live   int

	index []uint64 // open addressing: upper half of the hash, place + 1; 0: empty
	mask  uint64

	wheel  wheel
	oneWay queue // places in order of creation, some of them stale
	ended  queue // places in order of their flows' end, some of them stale
	hand   uint32

	evicted *evictedFlows // nil until the first eviction of an ended flow
}

// NewTable returns an empty table. It calls end for every flow that leaves the table, while the flow's place is still
// valid; end must not call the table.
func NewTable[D any](config Config, end func(Index, *Flow, *D, Reason)) *Table[D] {
	config.setDefaults()
	t := &Table[D]{config: config, secret: newSecret(), end: end}
	t.index = make([]uint64, 1024)
	t.mask = uint64(len(t.index) - 1)
	t.wheel.init()
	t.waits, t.over = t.stillOneWay, t.stillEnded
	return t
}

// Len returns the number of flows.
func (t *Table[D]) Len() int { return t.live }

// Flow returns the hot part of the flow at i.
func (t *Table[D]) Flow(i Index) *Flow { return &t.hot[i>>chunkBits][i&(chunkSize-1)] }

// Key returns the key of the flow at i, which is read-only.
func (t *Table[D]) Key(i Index) *Key { return &t.keys[i>>chunkBits][i&(chunkSize-1)] }

// Detail returns the owner's part of the flow at i, the zero value for a new flow.
func (t *Table[D]) Detail(i Index) *D { return &t.detail[i>>chunkBits][i&(chunkSize-1)] }

func (t *Table[D]) find(key *Key) (i Index, hash uint64, ok bool) {
	hash = t.secret.hash(key)
	for at := hash & t.mask; ; at = (at + 1) & t.mask {
		e := t.index[at]
		if e == 0 {
			return 0, hash, false
		}
		if e>>32 == hash>>32 {
			if i := Index(uint32(e) - 1); *t.Key(i) == *key {
				return i, hash, true
			}
		}
	}
}

// Get finds or makes the flow of key. ok is false if the table is full and may evict no flow (Counters.Refused).
func (t *Table[D]) Get(key *Key, now int64) (i Index, created, ok bool) {
	i, hash, found := t.find(key)
	if found {
		return i, false, true
	}
	if t.live >= t.config.MaxFlows && !t.makeRoom(now) {
		t.Counters.Refused++
		return 0, false, false
	}
	if uint64(t.live+1)*4 > uint64(len(t.index))*3 {
		t.growIndex()
	}
	place := t.place()
	i = Index(place)
	t.Counters.Created++
	t.births++
	born := max(t.births, 1) // 0 marks a free place
	*t.Flow(i) = Flow{Last: now, hash: uint32(hash >> 32), born: born}
	*t.Key(i) = *key
	t.insert(hash, place)
	t.live++
	t.schedule(place, now+int64(t.config.Idle))
	t.oneWay.push(queued{place, born}, t.waits)
	return i, true, true
}

func (t *Table[D]) place() uint32 {
	if n := len(t.free); n > 0 {
		p := t.free[n-1]
		t.free = t.free[:n-1]
		return p
	}
	p := t.used
	if p&(chunkSize-1) == 0 {
		t.hot = append(t.hot, new([chunkSize]Flow))
		t.keys = append(t.keys, new([chunkSize]Key))
		t.detail = append(t.detail, new([chunkSize]D))
	}
	t.used++
	return p
}

func (t *Table[D]) insert(hash uint64, place uint32) {
	at := hash & t.mask
	for t.index[at] != 0 {
		at = (at + 1) & t.mask
	}
	t.index[at] = hash>>32<<32 | uint64(place+1)
}

func (t *Table[D]) growIndex() {
	old := t.index
	t.index = make([]uint64, 2*len(old))
	t.mask = uint64(len(t.index) - 1)
	for _, e := range old {
		if e != 0 {
			place := uint32(e) - 1
			t.insert(t.secret.hash(t.Key(Index(place))), place)
		}
	}
}

// unlink removes a place from the index and closes the gap, so that no tombstones are needed.
func (t *Table[D]) unlink(place uint32) {
	at := t.secret.hash(t.Key(Index(place))) & t.mask
	for uint32(t.index[at]) != place+1 {
		at = (at + 1) & t.mask
	}
	gap := at
	for {
		at = (at + 1) & t.mask
		e := t.index[at]
		if e == 0 {
			break
		}
		home := t.secret.hash(t.Key(Index(uint32(e)-1))) & t.mask
		if (at-home)&t.mask >= (at-gap)&t.mask {
			t.index[gap] = e
			gap = at
		}
	}
	t.index[gap] = 0
}

// End removes the flow at i from the table, and notifies the owner.
func (t *Table[D]) End(i Index, why Reason) {
	f := t.Flow(i)
	if f.State == Ended && why != Evicted {
		why = f.EndReason
	}
	t.end(i, f, t.Detail(i), why)
	t.wheel.remove(t, uint32(i))
	t.unlink(uint32(i))
	var zero D
	*t.Detail(i) = zero
	f.born = 0
	t.free = append(t.free, uint32(i))
	t.live--
}

// Each calls f with every flow, in the order of their places. f may end the flow that it is called with.
func (t *Table[D]) Each(f func(Index)) {
	for i := range t.used {
		if t.Flow(Index(i)).born != 0 {
			f(Index(i))
		}
	}
}

// Timeout returns how long the flow at i may be silent, in nanoseconds.
func (t *Table[D]) Timeout(i Index) int64 { return t.config.timeout(t.Flow(i), t.Key(i).Proto()) }

// Hasten makes the wheel check the flow again soon. Call it when the State changes to one with a shorter timeout.
func (t *Table[D]) Hasten(i Index) {
	if f := t.Flow(i); f.State == Ended && f.TCP&endIsQueued == 0 {
		f.TCP |= endIsQueued
		t.ended.push(queued{uint32(i), f.born}, t.over)
	}
	t.wheel.remove(t, uint32(i))
	t.schedule(uint32(i), t.Flow(i).Last+t.Timeout(i))
}

func (t *Table[D]) schedule(place uint32, deadline int64) { t.wheel.add(t, place, deadline) }
