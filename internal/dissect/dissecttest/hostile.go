// SPDX-License-Identifier: Apache-2.0

package dissecttest

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

	"github.com/weirnet/weir/internal/dissect"
)

// The allowed cost of hostile input: no call takes longer than maxCall, and twice the input costs at most maxDoubling
// times as much.
const (
	maxCall     = 10 * time.Millisecond
	maxDoubling = 2.3
)

// player feeds conversations to one protocol's dissector, over and over, with minimal overhead.
type player struct {
	table *dissect.Table
	pool  *dissect.Pool
	flow  dissect.Flow
	seg   dissect.Segment
}

func newPlayer(t testing.TB, table *dissect.Table, k Talk) *player {
	p := &player{table: table, pool: dissect.NewPool()}
	p.pool.OnPanic = func(protocol string, _ *dissect.Conversation, cause any) {
		t.Errorf("%s panicked: %v", protocol, cause)
	}
	p.flow = dissect.Flow{Transport: k.Over, IPProtocol: k.IPProtocol, Midstream: true,
		Client: netip.MustParseAddrPort("192.0.2.1:49152"), Server: netip.AddrPortFrom(
			netip.MustParseAddr("198.51.100.1"), k.ServerPort)}
	return p
}

func (p *player) play(says []Say) {
	s := p.pool.Get()
	seq := [2]uint32{1000, 5000}
	for i, m := range says {
		way := dissect.Direction(m.FromClient)
		p.seg = dissect.Segment{Payload: m.Bytes, Length: len(m.Bytes), Seq: seq[way], FromClient: m.FromClient,
			Last: i >= 8}
		seq[way] += uint32(len(m.Bytes))
		if o, _ := s.Feed(p.table, p.pool, &p.flow, &p.seg); o == dissect.Decided || o == dissect.Failed {
			break
		}
	}
	p.pool.Put(s)
}

// hostile runs the tests that every protocol gets besides its seeds: the cost of long input, and, with WEIR_BLIND=N, N
// mutated conversations.
func hostile(f *testing.F, table *dissect.Table, seeds []Talk) {
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

// testCost makes each message of a talk longer, by repeating its own bytes and its second half, and compares the cost
// of the whole conversation at 4, 8 and 16 KiB.
func testCost(t testing.TB, table *dissect.Table, k Talk) {
	p := newPlayer(t, table, k)
	for i, m := range k.Says {
		if len(m.Bytes) == 0 {
			continue
		}
		for _, unit := range [][]byte{m.Bytes, m.Bytes[len(m.Bytes)/2:], {0}, {0xff}, []byte("a,"),
			[]byte("a: b\r\n")} {
			long := func(size int) []Say {
				says := slices.Clone(k.Says[:i+1])
				says[i].Bytes = append(slices.Clone(m.Bytes), bytes.Repeat(unit, size/len(unit))...)[:max(
					size, len(m.Bytes))]
				return says
			}
			if !doubles(p, long) {
				t.Errorf("message %d, made longer with %.20q: cost grows faster than the input", i, unit)
			}
		}
	}
}

// doubles reports whether twice the input costs at most maxDoubling times as much, twice in a row. Short times prove
// nothing, and other load can disturb one measurement: it tries several times.
func doubles(p *player, long func(size int) []Say) bool {
	const sizes, tries, negligible = 3, 6, 30 * time.Microsecond
	for range tries {
		var cost [sizes]time.Duration
		for i := range cost {
			says := long(dissect.MaxStream >> (sizes - 1 - i))
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
func testBlind(t testing.TB, table *dissect.Table, k Talk, n int, seed uint64) {
	p := newPlayer(t, table, k)
	random := rand.New(rand.NewPCG(seed, 7))
	says := make([]Say, len(k.Says))
	for range n {
		for i, m := range k.Says {
			says[i].FromClient = m.FromClient
			says[i].Bytes = mutate(random, append(says[i].Bytes[:0], m.Bytes...))
		}
		spent := maxCall + 1
		for range 5 { // the machine may be busy, so the quickest try counts
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

// mutate changes a message in one to three places, and sometimes cuts or extends it.
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
