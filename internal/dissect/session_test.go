// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// collect returns a table of one protocol that keeps its input.
func collect(over Transport, extra int, verdict func(c *Conversation) Verdict) *Table {
	return NewTable([]*Protocol{{Name: "collect", Over: over, Ports: []uint16{4}, Extra: extra,
		Inspect: func(c *Conversation, r *Result) Verdict {
			return verdict(c)
		}}})
}

var testFlow = Flow{Transport: TCP, Client: netip.MustParseAddrPort("192.0.2.1:49152"), Server: netip.MustParseAddrPort(
	"198.51.100.1:4")}

// piece is one of the client's segments, at an offset into its stream.
type piece struct {
	at   int
	text string
}

func TestReassembly(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", MaxStream/16+10)
	for _, c := range []struct {
		name      string
		pieces    []piece
		want      string
		conflicts uint64
	}{
		{"in order", []piece{{0, "abc"}, {3, "def"}}, "abcdef", 0},
		{"out of order", []piece{{3, "def"}, {0, "abc"}}, "abcdef", 0},
		{"backwards", []piece{{4, "ef"}, {2, "cd"}, {0, "ab"}}, "abcdef", 0},
		{"retransmitted", []piece{{0, "abc"}, {0, "abc"}, {3, "d"}}, "abcd", 0},
		{"retransmitted with more", []piece{{0, "abc"}, {0, "abcdef"}}, "abcdef", 0},
		{"overlap at the end", []piece{{0, "abcd"}, {2, "cdef"}}, "abcdef", 0},
		{"first copy wins at the front", []piece{{0, "abcd"}, {2, "XXef"}}, "abcdef", 1},
		{"first copy wins in a gap", []piece{{2, "cd"}, {0, "abXXef"}}, "abcdef", 1},
		{"first copy wins over a waiting one's start", []piece{{4, "ef"}, {2, "cdXX"}, {0, "ab"}}, "abcdef", 1},
		{"gap stays", []piece{{0, "ab"}, {4, "ef"}}, "ab", 0},
		{"from before the SYN", []piece{{-2, "xxab"}, {2, "cd"}}, "abcd", 0},
		{"wholly from before", []piece{{-4, "xx"}, {0, "ab"}}, "ab", 0},
		{"bridges several", []piece{{2, "c"}, {4, "e"}, {6, "g"}, {0, "abcdefgh"}}, "abcdefgh", 0},
		{"past the bound", []piece{{0, long}}, long[:MaxStream], 0},
		{"past the bound in two", []piece{{0, long[:MaxStream-5]}, {MaxStream - 5, long[:20]}}, long[:MaxStream-5] +
			long[:5], 0},
		{"far away", []piece{{1 << 30, "x"}, {0, "ab"}}, "ab", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []byte
			table := collect(TCP, 0, func(c *Conversation) Verdict {
				if !c.isOther {
					got = slices.Clone(c.ToServer())
				}
				return NeedMore
			})
			for _, base := range []uint32{1000, 0xffffffff - 2} { // the sequence number wraps around as well
				pool := NewPool()
				s := pool.Get()
				s.Feed(table, pool, &testFlow, &Segment{SYN: true, Seq: base - 1, FromClient: true})
				for _, p := range c.pieces {
					packet := []byte(p.text)
					s.Feed(table, pool, &testFlow, &Segment{Payload: packet, Length: len(packet), Seq: base +
						uint32(p.at), FromClient: true})
					clear(packet)
				}
				if string(got) != c.want {
					t.Errorf("base %d: %d bytes %.40q, want %d bytes %.40q", base, len(got), got, len(c.want), c.want)
				}
				if pool.Counters.StreamConflicts != c.conflicts {
					t.Errorf("%d conflicts counted, want %d", pool.Counters.StreamConflicts, c.conflicts)
				}
				pool.Put(s)
				if pool.Buffered() != 0 {
					t.Errorf("%d bytes stayed lent", pool.Buffered())
				}
			}
		})
	}
}

// TestCutSegments: a segment cut by the capture ends its stream there; complete segments before the cut still count.
func TestCutSegments(t *testing.T) {
	type cutPiece struct {
		piece
		missing int // bytes that the capture omits at the end
	}
	long := strings.Repeat("0123456789abcdef", MaxStream/16+10)
	for _, c := range []struct {
		name   string
		pieces []cutPiece
		want   string
	}{
		{"in order", []cutPiece{{piece{0, "abc"}, 0}, {piece{3, "de"}, 2}, {piece{7, "hi"}, 0}}, "abcde"},
		{"first", []cutPiece{{piece{0, "abc"}, 3}, {piece{3, "def"}, 0}, {piece{6, "g"}, 0}}, "abc"},
		{"before the whole ones", []cutPiece{{piece{6, "gh"}, 4}, {piece{0, "abc"}, 0}, {piece{3, "def"}, 0}},
			"abcdefgh"},
		{"before the whole ones, backwards", []cutPiece{{piece{6, "gh"}, 4}, {piece{3, "def"}, 0},
			{piece{0, "abc"}, 0}}, "abcdefgh"},
		{"between", []cutPiece{{piece{0, "abc"}, 0}, {piece{6, "gh"}, 1}, {piece{3, "def"}, 0}, {piece{9, "j"}, 0}},
			"abcdefgh"},
		{"a whole one over the cut", []cutPiece{{piece{3, "de"}, 4}, {piece{0, "abcdefgh"}, 0}}, "abcde"},
		{"what waits behind is out of reach", []cutPiece{{piece{5, "fg"}, 0}, {piece{3, "d"}, 4},
			{piece{0, "abcdefg"}, 0}}, "abcd"},
		{"in the middle of what waits", []cutPiece{{piece{2, "cdef"}, 0}, {piece{2, "cd"}, 2}, {piece{0, "ab"}, 0}},
			"abcd"},
		{"cut twice, the later one first", []cutPiece{{piece{6, "g"}, 2}, {piece{3, "d"}, 2},
			{piece{0, "abcdefgh"}, 0}}, "abcd"},
		{"a cut copy of what is there", []cutPiece{{piece{0, "abcdef"}, 0}, {piece{2, "cd"}, 2}, {piece{6, "gh"}, 0}},
			"abcdefgh"},
		{"from before the SYN", []cutPiece{{piece{-2, "xxab"}, 2}, {piece{2, "cd"}, 0}}, "ab"},
		{"at the bound", []cutPiece{{piece{MaxStream - 5, long[:20]}, 100}, {piece{0, long[:MaxStream-5]}, 0}},
			long[:MaxStream-5] + long[:5]},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []byte
			table := collect(TCP, MaxExtra, func(c *Conversation) Verdict {
				if !c.isOther {
					got = slices.Clone(c.ToServer())
				}
				return NeedMore
			})
			pool := NewPool()
			s := pool.Get()
			s.Feed(table, pool, &testFlow, &Segment{SYN: true, Seq: 999, FromClient: true})
			for _, p := range c.pieces {
				packet := []byte(p.text)
				s.Feed(table, pool, &testFlow, &Segment{Payload: packet, Length: len(packet) + p.missing, Seq: 1000 +
					uint32(p.at), FromClient: true})
				clear(packet)
			}
			if string(got) != c.want {
				t.Errorf("%d bytes %.40q, want %d bytes %.40q", len(got), got, len(c.want), c.want)
			}
			pool.Put(s)
			if pool.Buffered() != 0 {
				t.Errorf("%d bytes stayed lent", pool.Buffered())
			}
		})
	}
}

// TestReassemblyAgainstOracle compares with a slow twin: an array that takes the first copy of each byte, up to the
// first cut.
func TestReassemblyAgainstOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	var got []byte
	table := collect(TCP, MaxExtra, func(c *Conversation) Verdict {
		if !c.isOther {
			got = slices.Clone(c.ToServer())
		}
		return NeedMore
	})
	for round := range 20_000 {
		pool := NewPool()
		s := pool.Get()
		s.Feed(table, pool, &testFlow, &Segment{SYN: true, Seq: 99, FromClient: true})
		var oracle [64]int // 0: missing, else byte + 1
		got = nil
		cutAt := len(oracle)
		for range 12 {
			at, size := random.IntN(40), 1+random.IntN(12)
			packet := make([]byte, size)
			for i := range packet {
				packet[i] = byte(random.Uint32())
			}
			missing := 0
			if round%2 == 1 && random.IntN(6) == 0 {
				missing = 1 + random.IntN(5)
			}
			if end := at + size; missing > 0 && at < cutAt && end > len(got) {
				cutAt = min(cutAt, end)
				clear(oracle[cutAt:])
			}
			holes := pool.Counters.StreamHoles
			s.Feed(table, pool, &testFlow, &Segment{Payload: packet, Length: size + missing, Seq: 100 + uint32(at),
				FromClient: true})
			if pool.Counters.StreamHoles > holes {
				continue // dropped, and counted
			}
			for i, c := range packet {
				if at+i < cutAt && oracle[at+i] == 0 {
					oracle[at+i] = int(c) + 1
				}
			}
		}
		var want []byte
		for _, v := range oracle {
			if v == 0 {
				break
			}
			want = append(want, byte(v-1))
		}
		if string(got) != string(want) {
			t.Fatalf("round %d: got %x, want %x", round, got, want)
		}
		pool.Put(s)
	}
}

func TestStreamLimits(t *testing.T) {
	table := collect(TCP, MaxExtra, func(*Conversation) Verdict { return NeedMore })
	pool := NewPool()
	s := pool.Get()
	s.Feed(table, pool, &testFlow, &Segment{SYN: true, Seq: 99, FromClient: true})
	for i := range maxHoles + 3 {
		s.Feed(table, pool, &testFlow, &Segment{Payload: []byte("x"), Length: 1, Seq: uint32(110 + 10*i),
			FromClient: true})
	}
	if pool.Counters.StreamHoles != 3 {
		t.Errorf("%d segments counted as dropped, want 3", pool.Counters.StreamHoles)
	}
	for range 20_000 {
		s := pool.Get()
		s.Feed(table, pool, &testFlow, &Segment{Payload: make([]byte, 3000), Length: 3000, Seq: 100, FromClient: true})
		if pool.Buffered() > MaxBuffered {
			t.Fatalf("%d bytes are lent", pool.Buffered())
		}
	}
	if pool.Counters.BufferLimit == 0 {
		t.Error("the limit was not reached")
	}
}

// TestPoolBounds: lent and free bytes together stay within MaxBuffered, whatever sizes were in use before.
func TestPoolBounds(t *testing.T) {
	pool := NewPool()
	check := func() {
		t.Helper()
		free := 0
		for i, list := range pool.buffers {
			free += len(list) * bufferSizes[i]
			if len(list)*bufferSizes[i] > maxFreeClass {
				t.Fatalf("%d buffers of %d bytes are kept", len(list), bufferSizes[i])
			}
		}
		if free != pool.free || pool.lent+free > MaxBuffered {
			t.Fatalf("%d bytes lent, %d free, %d counted as free", pool.lent, free, pool.free)
		}
	}
	var lent [][]byte
	for _, sizes := range [][]int{bufferSizes[:1], bufferSizes[1:2], bufferSizes[2:3], bufferSizes[3:4],
		bufferSizes[4:5], bufferSizes[5:], bufferSizes[:], bufferSizes[:1]} {
		limit := pool.Counters.BufferLimit
		for n := 0; ; n++ {
			b := pool.get(sizes[n%len(sizes)])
			if b == nil {
				break
			}
			if lent = append(lent, b); n%1000 == 0 {
				check()
			}
		}
		check()
		if pool.Counters.BufferLimit != limit+1 || pool.lent < MaxBuffered-MaxStream {
			t.Fatalf("sizes %d: refused with %d bytes lent and %d free", sizes, pool.lent, pool.free)
		}
		for n, b := range lent {
			if pool.put(b); n%1000 == 0 {
				check()
			}
		}
		lent = lent[:0]
		check()
		if pool.lent != 0 {
			t.Fatalf("%d bytes stayed lent", pool.lent)
		}
	}

	sessions := make([]*Session, maxFree+100)
	for i := range sessions {
		sessions[i] = pool.Get()
	}
	for _, s := range sessions {
		pool.Put(s)
	}
	if len(pool.sessions.free) != maxFree {
		t.Errorf("%d free sessions are kept, want %d", len(pool.sessions.free), maxFree)
	}
}

// TestPoolAllocations: after warm-up, new flows need no new memory.
func TestPoolAllocations(t *testing.T) {
	table := collect(TCP, MaxExtra, func(*Conversation) Verdict { return NeedMore })
	pool := NewPool()
	packet := make([]byte, 3000)
	sessions := make([]*Session, 500)
	syn := &Segment{SYN: true, Seq: 99, FromClient: true}
	early := &Segment{Payload: packet, Length: len(packet), Seq: 4100, FromClient: true}
	first := &Segment{Payload: packet, Length: len(packet), Seq: 100, FromClient: true}
	round := func() {
		for i := range sessions {
			sessions[i] = pool.Get()
			sessions[i].Feed(table, pool, &testFlow, syn)
			sessions[i].Feed(table, pool, &testFlow, early)
			sessions[i].Feed(table, pool, &testFlow, first)
		}
		for _, s := range sessions {
			pool.Put(s)
		}
	}
	round()
	if n := testing.AllocsPerRun(5, round); n > 0 {
		t.Errorf("%v allocations for %d flows", n, len(sessions))
	}
}

// fill takes the rest of the pool's memory.
func fill(pool *Pool) (taken [][]byte) {
	for _, size := range slices.Backward(bufferSizes[:]) {
		for pool.lent+size <= MaxBuffered {
			taken = append(taken, pool.get(size))
		}
	}
	return taken
}

// TestMemoryShort: past MaxBuffered, dissectors judge each segment alone; once memory is free again, streams resume.
func TestMemoryShort(t *testing.T) {
	var client, server, first string
	var midstream bool
	table := collect(TCP, MaxExtra, func(c *Conversation) Verdict {
		client, server, first, midstream = string(c.ToServer()), string(c.ToClient()), string(c.First()), c.Midstream
		return NeedMore
	})
	pool := NewPool()
	taken := fill(pool)
	s := pool.Get()
	feed := func(seg Segment, text, wantClient, wantServer string, wantMidstream bool) {
		t.Helper()
		packet := []byte(text)
		seg.Payload, seg.Length = packet, len(packet)
		s.Feed(table, pool, &testFlow, &seg)
		clear(packet)
		if client != wantClient || server != wantServer || midstream != wantMidstream {
			t.Errorf("after %q: client %q, server %q, midstream %v; want %q, %q, %v", text, client, server, midstream,
				wantClient, wantServer, wantMidstream)
		}
		if first == "" {
			t.Errorf("after %q: the side that spoke first is empty", text)
		}
	}
	s.Feed(table, pool, &testFlow, &Segment{SYN: true, Seq: 99, FromClient: true})
	feed(Segment{Seq: 100, FromClient: true}, "one", "one", "", false)
	s.Feed(table, pool, &testFlow, &Segment{SYN: true, Seq: 99, FromClient: true})
	feed(Segment{Seq: 103, FromClient: true}, "two", "two", "", true)
	feed(Segment{Seq: 500}, "answer", "", "answer", true)
	for _, b := range taken {
		pool.put(b)
	}
	feed(Segment{Seq: 106, FromClient: true}, "three", "three", "", true)
	feed(Segment{Seq: 111, FromClient: true}, "four", "threefour", "", true)
	feed(Segment{Seq: 506}, "more", "threefour", "more", true)
	pool.Put(s)
	if pool.Buffered() != 0 {
		t.Errorf("%d bytes stayed lent", pool.Buffered())
	}
	if pool.Counters.BufferLimit != 3 {
		t.Errorf("%d packets counted as not kept, want 3", pool.Counters.BufferLimit)
	}
}

// TestMemoryShortHeld: a stream keeps its stored bytes when no memory is left to extend it.
func TestMemoryShortHeld(t *testing.T) {
	var got string
	table := collect(TCP, MaxExtra, func(c *Conversation) Verdict {
		got = string(c.ToServer())
		return NeedMore
	})
	pool := NewPool()
	s := pool.Get()
	s.Feed(table, pool, &testFlow, &Segment{Payload: []byte("one"), Length: 3, Seq: 100, FromClient: true})
	fill(pool)
	long := make([]byte, 1000)
	s.Feed(table, pool, &testFlow, &Segment{Payload: long, Length: len(long), Seq: 103, FromClient: true})
	s.Feed(table, pool, &testFlow, &Segment{Payload: []byte("two"), Length: 3, Seq: 103, FromClient: true})
	if got != "onetwo" || pool.Counters.BufferLimit != 1 {
		t.Errorf("got %q, %d packets counted as not kept", got, pool.Counters.BufferLimit)
	}
}

// TestSYNs: of several SYNs, the answered one counts (an old trick against monitors: resend the SYN with another
// sequence number).
func TestSYNs(t *testing.T) {
	var got string
	table := collect(TCP, 0, func(c *Conversation) Verdict {
		got = string(c.ToServer())
		return NeedMore
	})
	pool := NewPool()
	s := pool.Get()
	for _, seq := range []uint32{1000, 70_000} {
		s.Feed(table, pool, &testFlow, &Segment{SYN: true, Seq: seq, FromClient: true})
	}
	s.Feed(table, pool, &testFlow, &Segment{SYN: true, ACK: true, Seq: 5, Ack: 1001})
	s.Feed(table, pool, &testFlow, &Segment{Payload: []byte("hello"), Length: 5, Seq: 1001, FromClient: true})
	if got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestDatagramHistory(t *testing.T) {
	flow := testFlow
	flow.Transport = UDP
	var seen [][]byte
	table := collect(UDP, MaxExtra, func(c *Conversation) Verdict {
		seen = nil
		for _, d := range c.Datagrams {
			seen = append(seen, slices.Clone(d.Payload))
		}
		return NeedMore
	})
	pool := NewPool()
	s := pool.Get()
	for n := range 40 {
		s.Feed(table, pool, &flow, &Segment{Payload: []byte{byte(n), 1, 2, 3}, Length: 4, FromClient: n%2 == 0})
		if len(seen) > MaxDatagrams || seen[0][0] != 0 || seen[len(seen)-1][0] != byte(n) {
			t.Fatalf("after datagram %d: %x", n, seen)
		}
	}
	big := make([]byte, 9000)
	for n := range 5 {
		big[0] = byte(100 + n)
		s.Feed(table, pool, &flow, &Segment{Payload: big, Length: len(big), FromClient: true})
		if last := seen[len(seen)-1]; last[0] != byte(100+n) || len(last) != len(big) || seen[0][0] != 0 {
			t.Fatalf("big datagram %d is not the newest", n)
		}
	}
	pool.Put(s)
	if pool.Buffered() != 0 {
		t.Errorf("%d bytes stayed lent", pool.Buffered())
	}
}

// TestVerdicts: the session's outcomes for a dissector's verdicts, with a budget of 3 packets.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name     string
		answers  []Verdict
		extra    int
		packets  int
		outcomes []Outcome
	}{
		{"yes at once", []Verdict{Yes}, 0, 1, []Outcome{Decided}},
		{"no", []Verdict{No}, 0, 1, []Outcome{Undecided}}, // the other side may still bring candidates
		{"yes at last", []Verdict{NeedMore, NeedMore, Yes}, 0, 3, []Outcome{Undecided, Undecided, Decided}},
		{"never", []Verdict{NeedMore, NeedMore, NeedMore}, 0, 3, []Outcome{Undecided, Undecided, Failed}},
		{"yes and more", []Verdict{YesMore, YesMore, Yes}, 0, 3, []Outcome{Named, Named, Decided}},
		{"yes and more to the end of the budget", []Verdict{YesMore, YesMore, YesMore}, 0, 3,
			[]Outcome{Named, Named, Decided}},
		{"no can't take yes back", []Verdict{YesMore, No}, 0, 2, []Outcome{Named, Decided}},
		{"past the budget", []Verdict{YesMore, YesMore, YesMore, YesMore, Yes}, 2, 5, []Outcome{Named, Named, Named,
			Named, Decided}},
		{"past the budget undecided", []Verdict{NeedMore, NeedMore, NeedMore, NeedMore, NeedMore}, 2, 5,
			[]Outcome{Undecided, Undecided, Undecided, Undecided, Failed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			flow := testFlow
			flow.Transport = UDP
			calls := 0
			table := collect(UDP, c.extra, func(*Conversation) Verdict { calls++; return c.answers[calls-1] })
			pool := NewPool()
			s := pool.Get()
			for n := range c.packets {
				o, _ := s.Feed(table, pool, &flow, &Segment{Payload: []byte{1}, Length: 1, FromClient: true,
					Last: n >= 2})
				if o != c.outcomes[n] {
					t.Errorf("packet %d: outcome %d, want %d", n+1, o, c.outcomes[n])
				}
			}
		})
	}
}

// TestSessionSize bounds the memory of a flow under inspection, its buffers aside.
func TestSessionSize(t *testing.T) {
	session := unsafe.Sizeof(Session{})
	if tcp := session + unsafe.Sizeof([2]stream{}); tcp > 352 {
		t.Errorf("a session of TCP has %d bytes", tcp)
	}
	if other := session + unsafe.Sizeof(remembered{}); other > 256 {
		t.Errorf("a session of datagrams has %d bytes", other)
	}
}

// TestFinish: when a flow ends, the session asks the waiting dissectors once more, with its stored payload.
func TestFinish(t *testing.T) {
	type feed []Segment
	hello := Segment{Payload: []byte("hello"), Length: 5, Seq: 100, FromClient: true}
	answer := Segment{Payload: []byte("answer"), Length: 6, Seq: 500}
	syn := Segment{SYN: true, Seq: 99, FromClient: true}
	early := Segment{Payload: []byte("early"), Length: 5, Seq: 200, FromClient: true}
	for _, c := range []struct {
		name    string
		over    Transport
		feed    feed
		before  Verdict // verdict until the flow ends
		last    Verdict
		full    bool    // no memory is left
		outcome Outcome // of the last packet
		want    string  // the payload shown at the end; empty: no call
	}{
		{"nothing came", TCP, nil, NeedMore, Yes, false, Undecided, ""},
		{"only a SYN", TCP, feed{syn}, NeedMore, Yes, false, Undecided, ""},
		{"only what lies behind a gap", TCP, feed{syn, early}, NeedMore, Yes, false, Undecided, ""},
		{"one direction", TCP, feed{syn, hello}, NeedMore, Yes, false, Undecided, "hello|"},
		{"both directions", TCP, feed{syn, hello, answer}, NeedMore, Yes, false, Undecided, "hello|answer"},
		{"the server's alone", TCP, feed{answer}, NeedMore, Yes, false, Undecided, "|answer"},
		{"yes and more", TCP, feed{syn, hello}, NeedMore, YesMore, false, Undecided, "hello|"},
		{"still not", TCP, feed{syn, hello}, NeedMore, NeedMore, false, Undecided, "hello|"},
		{"no", TCP, feed{syn, hello}, NeedMore, No, false, Undecided, "hello|"},
		{"nobody waits", TCP, feed{syn, hello}, No, Yes, false, Undecided, ""},
		{"named before", TCP, feed{syn, hello}, YesMore, Yes, false, Named, ""},
		{"nothing could be held", TCP, feed{syn, hello}, NeedMore, Yes, true, Undecided, ""},
		{"datagrams", UDP, feed{hello, answer}, NeedMore, Yes, false, Undecided, "hello|answer|"},
		{"datagrams, still not", UDP, feed{hello, answer}, NeedMore, NeedMore, false, Undecided, "hello|answer|"},
		{"datagrams, as many as are held", UDP, slices.Repeat(feed{hello}, 2*MaxDatagrams), NeedMore, Yes, false,
			Undecided, strings.Repeat("hello|", MaxDatagrams)},
		{"datagrams, named before", UDP, feed{hello, answer}, YesMore, Yes, false, Named, ""},
		{"datagrams, nothing could be held", UDP, feed{hello, answer}, NeedMore, Yes, true, Undecided, ""},
		{"IP", IP, feed{hello}, NeedMore, Yes, false, Undecided, "hello|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict, shown, wasLast := c.before, "", false
			table := NewTable([]*Protocol{{Name: "collect", Over: c.over, Ports: []uint16{4}, IPProtocols: []uint8{0},
				Extra: MaxExtra, Inspect: func(k *Conversation, r *Result) Verdict {
					shown, wasLast = "", k.Last
					for _, d := range k.Datagrams {
						shown += string(d.Payload) + "|"
					}
					if c.over == TCP {
						shown = string(k.ToServer()) + "|" + string(k.ToClient())
					}
					r.SetHost([]byte("host"))
					return verdict
				}}})
			flow := testFlow
			flow.Transport = c.over
			pool := NewPool()
			if c.full {
				fill(pool)
			}
			lent := pool.Buffered()
			s := pool.Get()
			outcome := Undecided
			for _, seg := range c.feed {
				packet := slices.Clone(seg.Payload)
				seg.Payload = packet
				outcome, _ = s.Feed(table, pool, &flow, &seg)
				clear(packet)
			}
			if outcome != c.outcome {
				t.Fatalf("outcome %d, want %d", outcome, c.outcome)
			}
			verdict, shown = c.last, ""
			r := s.Finish(table, pool, &flow)
			if shown != c.want || c.want != "" && !wasLast {
				t.Errorf("shown %q as last %v, want %q", shown, wasLast, c.want)
			}
			if named := c.want != "" && c.last >= Yes; named != (r != nil) {
				t.Errorf("a result: %v, want %v", r != nil, named)
			} else if named && (r.Protocol() != "collect" || string(r.Host()) != "host") {
				t.Errorf("protocol %q, host %q", r.Protocol(), r.Host())
			}
			if pool.Put(s); pool.Buffered() != lent {
				t.Errorf("%d bytes stayed lent", pool.Buffered()-lent)
			}
		})
	}
}

func TestCandidateLimit(t *testing.T) {
	var many []*Protocol
	for n := range maxPending + 5 {
		many = append(many, &Protocol{Name: string(rune('a' + n)), Over: TCP, Start: BytesOf('x'),
			Inspect: func(*Conversation, *Result) Verdict { return NeedMore }})
	}
	pool := NewPool()
	pool.Get().Feed(NewTable(many), pool, &testFlow, &Segment{Payload: []byte("x"), Length: 1, FromClient: true})
	if pool.Counters.CandidateLimit != 5 {
		t.Errorf("%d counted, want 5", pool.Counters.CandidateLimit)
	}
}

func TestHostNames(t *testing.T) {
	for _, c := range []struct{ name, in, host string }{
		{"plain", "Example", "example"},
		{"line feed and NUL", "a\nb\x00", `a\x0ab\x00`},
		{"escape", "\x1b[31m", `\x1b[31m`},
		{"quotes", `a"b\c`, `a\x22b\x5cc`},
		{"right-to-left override", "a\u202eb", `a\xe2\x80\xaeb`},
		{"line separator", "a\u2028b", `a\xe2\x80\xa8b`},
		{"letters", "grün", `gr\xc3\xbcn`},
		{"broken UTF-8", "a\xffb", `a\xffb`},
		{"final dot", "example.com.", "example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, isCut := appendHost(nil, []byte(c.in)); string(got) != c.host || isCut {
				t.Errorf("host %s, want %s", got, c.host)
			}
		})
	}
	if long, isCut := appendHost(nil, []byte(strings.Repeat("\x00", 64<<10))); len(long) > MaxHost || !isCut {
		t.Errorf("a host name of %d bytes, cut: %v", len(long), isCut)
	}
}

// TestResultBounds fills a Result with every text that escaping lengthens: it stays JSON, within MaxInfo to the byte.
func TestResultBounds(t *testing.T) {
	longest := 0
	for _, filler := range []string{"\x00", "\"", "\\", "é", "\x00é", "\u202e", "a"} {
		long := []byte(strings.Repeat(filler, 5000))
		many := slices.Repeat([][]byte{long}, MaxList+2)
		for start := range 70 { // so that every field meets the bound at some offset
			var r Result
			r.Reset(&Protocol{Name: "x"})
			r.Object("first").String("pad", strings.Repeat("x", start))
			for n := range 50 {
				o := r.Object(strconv.Itoa(n))
				o.Texts("texts", many[:n%4])
				o.Text("text", long[:(7*n+start)%len(long)])
				o.Hex("hex", long)
				o.Text("longest", long)
				o.Texts("all", many)
				Ints(o, "ints", make([]int, 1000))
				o.Addr("addr", testFlow.Client.Addr())
				o.Bool("bool", true)
				o.Int("n", 1)
				r.Object("empty")
			}
			info := string(r.Info())
			if strings.Contains(info, "empty") || strings.Contains(info, "[]") || strings.Contains(info, "{}") {
				t.Errorf("something empty stayed: %s", info)
			}
			if !json.Valid([]byte("{" + info + "}")) {
				t.Fatalf("not JSON: %s", info)
			}
			if len(info) > MaxInfo {
				t.Errorf("%d bytes of metadata", len(info))
			}
			longest = max(longest, len(info))
		}
	}
	if longest != MaxInfo {
		t.Errorf("the fullest has %d bytes, so the bound is never met", longest)
	}
}

// TestResultAllocations: after warm-up, filling a Result needs no new memory.
func TestResultAllocations(t *testing.T) {
	var r Result
	p := &Protocol{Name: "x"}
	long := []byte(strings.Repeat("\x00", 5000))
	many, numbers := slices.Repeat([][]byte{long}, MaxList), make([]uint16, MaxList)
	if n := testing.AllocsPerRun(10, func() {
		r.Reset(p)
		o := r.Object("x")
		Ints(o, "ints", numbers)
		o.Text("text", long)
		o.Texts("texts", many)
		r.Info()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
