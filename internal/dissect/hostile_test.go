// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// What hostile input may cost (reliability A1, A4): no call takes longer than maxCall, and twice the input costs at most
// maxDoubling times as much.
const (
	maxCall     = 10 * time.Millisecond
	maxDoubling = 2.3
)

// player feeds conversations to one protocol's dissector, over and over, with as little as possible around it.
type player struct {
	table *Table
	pool  *Pool
	flow  Flow
	seg   Segment
}

func newPlayer(t testing.TB, table *Table, k talk) *player {
	p := &player{table: table, pool: NewPool()}
	p.pool.OnPanic = func(protocol string, _ *Conversation, cause any) { t.Errorf("%s panicked: %v", protocol, cause) }
	p.flow = Flow{Transport: k.over, IPProtocol: k.ipProtocol, Midstream: true,
		Client: netip.MustParseAddrPort("192.0.2.1:49152"), Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), k.serverPort)}
	return p
}

func (p *player) play(says []say) {
	s := p.pool.Get()
	seq := [2]uint32{1000, 5000}
	for i, m := range says {
		way := side(m.fromClient)
		p.seg = Segment{Payload: m.bytes, Length: len(m.bytes), Seq: seq[way], FromClient: m.fromClient, Last: i >= 8}
		seq[way] += uint32(len(m.bytes))
		if o, _ := s.Feed(p.table, p.pool, &p.flow, &p.seg); o == Decided || o == Failed {
			break
		}
	}
	p.pool.Put(s)
}

// hostile runs what go test runs of every protocol besides its seeds: the cost of long input, and, with WEIR_BLIND=N, N
// mutated conversations.
func hostile(f *testing.F, table *Table, seeds []talk) {
	if flag.Lookup("test.fuzz").Value.String() != "" {
		return
	}
	for _, k := range seeds {
		testCost(f, table, k)
	}
	if n, err := strconv.Atoi(os.Getenv("WEIR_BLIND")); err == nil {
		for i, k := range seeds {
			testBlind(f, table, k, n/len(seeds), uint64(i))
		}
	}
}

// testCost makes each message of a talk longer, by repeating its own bytes and its second half, and compares the cost of the
// whole conversation at 4, 8 and 16 KiB.
func testCost(t testing.TB, table *Table, k talk) {
	p := newPlayer(t, table, k)
	for i, m := range k.says {
		if len(m.bytes) == 0 {
			continue
		}
		for _, unit := range [][]byte{m.bytes, m.bytes[len(m.bytes)/2:], {0}, {0xff}, []byte("a,"), []byte("a: b\r\n")} {
			long := func(size int) []say {
				says := slices.Clone(k.says[:i+1])
				says[i].bytes = append(slices.Clone(m.bytes), bytes.Repeat(unit, size/len(unit))...)[:max(size, len(m.bytes))]
				return says
			}
			if !doubles(p, long) {
				t.Errorf("message %d, made longer with %.20q: cost grows faster than the input", i, unit)
			}
		}
	}
}

// doubles says whether twice the input costs at most maxDoubling times as much, twice in a row. A short time says nothing, and one
// measurement can be disturbed: it has several tries.
func doubles(p *player, long func(size int) []say) bool {
	const sizes, tries, negligible = 3, 6, 30 * time.Microsecond
	for range tries {
		var cost [sizes]time.Duration
		for i := range cost {
			says := long(MaxStream >> (sizes - 1 - i))
			cost[i] = time.Hour
			for range 5 {
				began := time.Now()
				p.play(says)
				cost[i] = min(cost[i], time.Since(began))
			}
		}
		if cost[2] < negligible || float64(cost[2]) <= maxDoubling*maxDoubling*float64(cost[0]) {
			return true
		}
	}
	return false
}

// testBlind plays n mutated copies of a talk.
func testBlind(t testing.TB, table *Table, k talk, n int, seed uint64) {
	p := newPlayer(t, table, k)
	random := rand.New(rand.NewPCG(seed, 7))
	says := make([]say, len(k.says))
	for range n {
		for i, m := range k.says {
			says[i].fromClient = m.fromClient
			says[i].bytes = mutate(random, append(says[i].bytes[:0], m.bytes...))
		}
		spent := maxCall + 1
		for range 5 { // the machine may be busy: the quickest of some tries counts
			began := time.Now()
			p.play(says)
			if spent = min(spent, time.Since(began)); spent <= maxCall {
				break
			}
		}
		if spent > maxCall {
			t.Errorf("a conversation of %d messages takes longer than %v", len(says), maxCall)
		}
		if t.Failed() {
			return
		}
	}
}

// mutate changes a message in one to three places, and now and then cuts it or adds to it.
func mutate(random *rand.Rand, b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	r := random.Uint64()
	for range 1 + r%3 {
		r = random.Uint64()
		at := int(r >> 32 % uint64(len(b)))
		switch r % 5 {
		case 0:
			b[at] ^= 1 << (r >> 8 & 7)
		case 1:
			b[at] = byte(r >> 8)
		case 2:
			b[at] = [...]byte{0, 1, 0x7f, 0x80, 0xff, '\n', '"', '\\'}[r>>8&7]
		case 3:
			copy(b[at:], b[:len(b)-at])
		case 4:
			if r>>8&7 == 0 {
				b = b[:at+1]
			}
		}
	}
	return b
}

// TestRigsCanFail shows each rig a dissector that it must catch.
func TestRigsCanFail(t *testing.T) {
	k := tcp(4, C("hello, world"))
	quadratic := newTable([]*Protocol{{Name: "quadratic", Over: TCP, Ports: []uint16{4}, Inspect: func(c *Conversation, _ *Result) Verdict {
		n := 0
		for range c.ToServer() {
			n += bytes.Count(c.ToServer(), []byte{0})
		}
		if n < 0 {
			return No
		}
		return NeedMore
	}}})
	if doubles(newPlayer(t, quadratic, k), func(size int) []say { return []say{C(make([]byte, size))} }) {
		t.Error("quadratic cost was not noticed")
	}
	panics := newTable([]*Protocol{{Name: "panics", Over: TCP, Ports: []uint16{4}, Inspect: func(c *Conversation, _ *Result) Verdict {
		return Verdict(c.ToServer()[100])
	}}})
	p := newPlayer(t, panics, k)
	caught := 0
	p.pool.OnPanic = func(string, *Conversation, any) { caught++ }
	p.play(k.says)
	if caught != 1 || p.pool.Counters.Panics != 1 {
		t.Errorf("a panic was told %d times, counted %d times", caught, p.pool.Counters.Panics)
	}
}
