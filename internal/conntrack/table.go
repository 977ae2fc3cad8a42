// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// Table holds connections by both of their names, and remembers ended ones for a while. Several goroutines may use it
// at once. Of successive connections with one name, Find returns the last.
type Table struct {
	behind atomic.Bool

	mu       sync.Mutex
	max      int
	memory   time.Duration // how long the table remembers an ended connection
	seed     maphash.Seed
	index    map[uint64]uint32 // places by the hash of a key
	chunks   []*[chunkSize]entry
	free     []uint32
	ended    []ending // in the order of their ends, oldest first
	oldest   int
	started  time.Time
	round    uint8 // of dumps
	traffic  map[uint32]traffic
	counters Counters
}

// Counters are a table's sizes and drops.
type Counters struct {
	Connections int    // live
	Ended       int    // ended and remembered
	Offloaded   int    // live ones whose packets a card forwards by itself
	Refused     uint64 // dropped for want of room
}

const (
	chunkSize = 512
	noPlace   = ^uint32(0)

	// DefaultMax bounds the connections of a table, ended ones included: the kernel's own default on a machine with 4
	// GiB and more (nf_conntrack_max).
	DefaultMax = 262144
	// longer is how much longer the table remembers the last few ended connections. If the kernel forgets a live one,
	// as when a link with masquerade goes down, its flow goes on: TCP retransmits for a quarter of an hour
	// (tcp_retries2) before the flow falls silent.
	longer = 16 * time.Minute
	few    = 16384
	// maxChain bounds the connections of one name that a search looks at.
	maxChain = 8
)

// entry is a connection in the table, without pointers.
type entry struct {
	keys         [2]flow.Key // of the original tuple, of the reply's
	since, until uint32      // milliseconds of the table's time; until 0: live
	id, mark     uint32
	status       Status
	older        [names]uint32 // places, plus one, of the previous connections with the same names
	zone         uint16
	round        uint8 // of the last dump that listed it
	marks        uint8
}

// names is the number of a connection's names: those of its packets as they come in on either side; and, where both
// ends are translated, that of packets in between, with one end translated and the other not yet. A bridge shows such
// packets where netfilter sees them on the way in (net.bridge.bridge-nf-call-iptables).
const names = 3

// between returns the third name, if the connection has one.
func (e *entry) between() (key flow.Key, ok bool) {
	original, reply := e.tuples()
	if original.Src == reply.Dst || original.Dst == reply.Src {
		return key, false
	}
	key, _ = Tuple{original.Src, reply.Src, original.Proto}.Key()
	return key, true
}

func (e *entry) tuples() (original, reply Tuple) {
	return tupleOf(&e.keys[0], e.marks&originalFromLower != 0), tupleOf(&e.keys[1], e.marks&replyFromLower != 0)
}

// which returns the index of a key among an entry's names, or -1.
func (e *entry) which(key *flow.Key) int {
	for i := range e.keys {
		if e.keys[i] == *key {
			return i
		}
	}
	if third, ok := e.between(); ok && third == *key {
		return names - 1
	}
	return -1
}

// each calls f for each distinct name of an entry.
func (e *entry) each(f func(i int, key *flow.Key)) {
	f(0, &e.keys[0])
	if e.keys[1] != e.keys[0] {
		f(1, &e.keys[1])
	}
	if third, ok := e.between(); ok && third != e.keys[0] && third != e.keys[1] {
		f(names-1, &third)
	}
}

// Bits of entry.marks.
const (
	originalFromLower = 1 << iota // the source of the original tuple is the lower end of its key
	replyFromLower
	isShared // another connection has the same reply tuple, as two of a protocol without ports may
)

// ending is the end of a connection. It is stale if the place's until differs.
type ending struct{ place, until uint32 }

// traffic holds the counters of an offloaded connection.
type traffic struct{ packets, bytes [2]uint64 }

// NewTable returns a table for at most max connections.
func NewTable(max int) *Table {
	return &Table{
		max: max, memory: defaults.ConnectionMemory(defaults.TCPIdle, defaults.Idle), seed: maphash.MakeSeed(),
		index: map[uint64]uint32{}, started: time.Now(), traffic: map[uint32]traffic{},
	}
}

// Remember sets how long the table remembers an ended connection. Call it before the first one.
func (t *Table) Remember(d time.Duration) { t.memory = d }

// IsBehind reports whether events were lost and the dump that replaces them is still to come.
func (t *Table) IsBehind() bool { return t.behind.Load() }

// SetBehind is for the goroutine that fills the table.
func (t *Table) SetBehind(is bool) { t.behind.Store(is) }

// Counters returns the present counts.
func (t *Table) Counters() Counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counters
}

func (t *Table) at(place uint32) *entry { return &t.chunks[place/chunkSize][place%chunkSize] }

func (t *Table) hash(k *flow.Key) uint64 { return maphash.Comparable(t.seed, *k) }

// now returns the table's time in milliseconds. It is never 0, and wraps after 49 days: use differences only.
func (t *Table) now() uint32 { return uint32(time.Since(t.started).Milliseconds()) | 1 }

// named returns the place of the connection with that name, or noPlace.
func (t *Table) named(key *flow.Key) uint32 {
	place, ok := t.index[t.hash(key)]
	if !ok {
		return noPlace
	}
	if t.at(place).which(key) < 0 {
		return noPlace // another key with the same hash
	}
	return place
}

// Put enters or updates a live connection.
func (t *Table) Put(c *Connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	place := t.find(c)
	if place == noPlace {
		if place = t.add(c); place == noPlace {
			t.counters.Refused++
			return
		}
	}
	e := t.at(place)
	e.round = t.round
	if e.status&HardwareOffloaded == 0 && c.Status&HardwareOffloaded != 0 {
		t.counters.Offloaded++
	}
	e.status |= c.Status
	e.mark = c.Mark
	t.count(place, e, c)
}

// count stores the kernel's counters of an offloaded connection.
func (t *Table) count(place uint32, e *entry, c *Connection) {
	if e.status&HardwareOffloaded != 0 && c.Packets != [2]uint64{} {
		t.traffic[place] = traffic{c.Packets, c.Bytes}
	}
}

func isICMP(proto uint8) bool { return proto == packet.ProtoICMP || proto == packet.ProtoICMPv6 }

// find returns the place of a live connection. An entry with the same name and another ID has ended unnoticed.
func (t *Table) find(c *Connection) uint32 {
	original, _ := c.Original.Key()
	place := t.named(&original)
	if place == noPlace {
		return noPlace
	}
	e := t.at(place)
	reply, _ := c.Reply.Key()
	if e.until != 0 || e.keys != [2]flow.Key{original, reply} || e.zone != c.Zone || e.id != c.ID {
		return noPlace
	}
	return place
}

// add makes an entry, and takes its names from earlier ones.
func (t *Table) add(c *Connection) uint32 {
	place := t.take()
	if place == noPlace {
		return noPlace
	}
	e := t.at(place)
	*e = entry{since: t.now(), id: c.ID, zone: c.Zone, round: t.round}
	var original, reply bool
	e.keys[0], original = c.Original.Key()
	e.keys[1], reply = c.Reply.Key()
	if original {
		e.marks |= originalFromLower
	}
	if reply {
		e.marks |= replyFromLower
	}
	if old := t.named(&e.keys[1]); old != noPlace && t.at(old).until == 0 && t.at(old).keys[0] != e.keys[0] {
		e.marks |= isShared
		t.at(old).marks |= isShared
	}
	if old := t.named(&e.keys[0]); old != noPlace && t.at(old).keys[0] == e.keys[0] && t.at(old).zone == e.zone &&
		t.at(old).until == 0 {
		t.end(old)
	}
	e.each(func(i int, key *flow.Key) {
		hash := t.hash(key)
		if old, ok := t.index[hash]; ok && old != place {
			e.older[i] = t.olderThan(old, key)
		}
		t.index[hash] = place
	})
	t.counters.Connections++
	return place
}

// olderThan returns the predecessor that a new connection gets for a name which old had last. It omits one that nobody
// answered and that ended at once: a reset makes the kernel forget an unanswered connection, so each retransmission of
// a dead connection makes another one, and together they would hide the earlier ones.
func (t *Table) olderThan(old uint32, key *flow.Key) uint32 {
	const atOnce = 1000 // milliseconds
	e := t.at(old)
	name := e.which(key)
	if name < 0 || e.until == 0 || e.until-e.since > atOnce || e.status&(SeenReply|SourceNAT|DestinationNAT) != 0 {
		return old + 1
	}
	return e.older[name]
}

// Drop marks a connection as ended.
func (t *Table) Drop(c *Connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	place := t.find(c)
	if place == noPlace {
		return
	}
	e := t.at(place)
	t.count(place, e, c)
	t.end(place)
}

func (t *Table) end(place uint32) {
	e := t.at(place)
	e.until = t.now()
	t.ended = append(t.ended, ending{place, e.until})
	t.counters.Connections--
	t.counters.Ended++
	if e.status&HardwareOffloaded != 0 {
		t.counters.Offloaded--
	}
	for t.oldest < len(t.ended) {
		age := e.until - t.ended[t.oldest].until
		if age < uint32(t.memory.Milliseconds()) || t.counters.Ended <= few &&
			age < uint32((t.memory+longer).Milliseconds()) {
			break
		}
		t.release()
	}
	if t.oldest > len(t.ended)/2 {
		t.ended = append(t.ended[:0], t.ended[t.oldest:]...)
		t.oldest = 0
	}
}

// release frees the place of the connection that ended first.
func (t *Table) release() {
	place := t.ended[t.oldest].place
	t.oldest++
	e := t.at(place)
	e.each(func(_ int, key *flow.Key) {
		if hash := t.hash(key); t.index[hash] == place {
			delete(t.index, hash)
		}
	})
	delete(t.traffic, place)
	*e = entry{}
	t.free = append(t.free, place)
	t.counters.Ended--
}

// take returns a free place, at the limit that of the connection which ended first.
func (t *Table) take() uint32 {
	full := len(t.chunks)*chunkSize >= t.max
	if len(t.free) == 0 && full && t.oldest < len(t.ended) {
		t.release()
	}
	if len(t.free) == 0 && !full {
		end := uint32(len(t.chunks)+1) * chunkSize
		t.chunks = append(t.chunks, new([chunkSize]entry))
		for i := range uint32(chunkSize) {
			t.free = append(t.free, end-1-i)
		}
	}
	last := len(t.free) - 1
	if last < 0 {
		return noPlace
	}
	place := t.free[last]
	t.free = t.free[:last]
	return place
}

// beginList runs at the start of a dump, endList at its end: connections that neither the dump nor an event since its
// start has named have ended.
func (t *Table) beginList() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.round++
}

func (t *Table) endList() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.chunks {
		for j := range t.chunks[i] {
			if e := &t.chunks[i][j]; e.since != 0 && e.until == 0 && e.round != t.round {
				t.end(uint32(i*chunkSize + j))
			}
		}
	}
}

// Found is a search result.
type Found struct {
	Connection
	// IsReply: the key is the reply tuple's and not the original's.
	IsReply bool
	// IsShared: another connection has the same reply tuple.
	IsShared bool
	// Since is the connection's age in the table, Ended the time since its end; 0: live.
	Since, Ended time.Duration
}

// Find returns the last connection that has a flow's key as one of its names. The key must be without a VLAN.
func (t *Table) Find(key *flow.Key) (f Found, ok bool) {
	return t.search(key, func(*Found) bool { return true })
}

// FindID is Find for the connection with the kernel's identifier id.
func (t *Table) FindID(key *flow.Key, id uint32) (f Found, ok bool) {
	return t.search(key, func(f *Found) bool { return f.ID == id })
}

// slack bounds the difference between a flow's and a connection's times: events and records take time.
const slack = 2 * time.Second

// atStart bounds the delay, after a flow's first packet, of its connection's event and of its predecessor's end.
const atStart = slack / 4

// FindDuring is Find for a flow that lasted from first to last: of several connections it returns the one in which the
// flow began. When a link goes down under masquerade, the kernel forgets the connection; later packets of its ends make
// another one, which lacks the translation, or an answer.
func (t *Table) FindDuring(key *flow.Key, first, last time.Time) (f Found, ok bool) {
	now := time.Now()
	_, _ = t.search(key, func(older *Found) bool {
		began, ended := now.Add(-older.Since), now.Add(-older.Ended)
		isOver, isAnswered := older.Ended > 0, older.Status&SeenReply != 0
		inTime := first.Add(atStart)
		if isAnswered && f.Status&SeenReply == 0 && began.Sub(first).Abs() <= atStart {
			inTime = first // both began together, and this one has answers
		}
		switch {
		case began.After(last.Add(slack)), isOver && ended.Before(first.Add(-slack)):
			return false
		case ok && isOver && ended.Before(inTime): // the flow began later, with the same ports
			return true
		case ok && !isAnswered && !now.Add(-f.Since).After(first.Add(atStart)):
			return true // no likelier than the later connection
		}
		f, ok = *older, true
		return isAnswered && !began.After(first.Add(atStart))
	})
	return f, ok
}

// search visits the connections of a name, the last one first, until is returns true.
func (t *Table) search(key *flow.Key, is func(*Found) bool) (f Found, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	place, ok := t.index[t.hash(key)]
	for range maxChain {
		if !ok {
			break
		}
		e := t.at(place)
		name := e.which(key)
		if e.since == 0 || name < 0 { // the place has a new owner
			break
		}
		if f = t.found(place, name); is(&f) {
			return f, true
		}
		place, ok = e.older[name]-1, e.older[name] > 0
	}
	return Found{}, false
}

// found describes the connection at a place, found by the name of that index.
func (t *Table) found(place uint32, name int) (f Found) {
	e := t.at(place)
	now := t.now()
	f = Found{IsReply: name == 1, IsShared: e.marks&isShared != 0, Since: time.Duration(now-e.since) * time.Millisecond}
	if e.until != 0 {
		f.Ended = time.Duration(now-e.until+1) * time.Millisecond
	}
	f.Original, f.Reply = e.tuples()
	f.ID, f.Mark, f.Status, f.Zone = e.id, e.mark, e.status, e.zone
	c := t.traffic[place]
	f.Packets, f.Bytes = c.packets, c.bytes
	return f
}

func tupleOf(k *flow.Key, fromLower bool) Tuple {
	if fromLower {
		return Tuple{k.Lower(), k.Upper(), k.Proto()}
	}
	return Tuple{k.Upper(), k.Lower(), k.Proto()}
}
