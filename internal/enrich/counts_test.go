// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// world simulates flows that come and go, and collects a Chain's records of them.
type world struct {
	*bench
	random *rand.Rand
	live   []*worldFlow
	in     uint64          // packets of ended flows
	out    uint64          // packets of last records
	busy   map[string]bool // keys of live flows
	// open holds the ids of reported flows without a last record, ended those with one.
	open  map[[32]byte]uint64
	ended map[[32]byte]bool
	err   string
}

// worldFlow is a flow of the engine: the packets of one leg or of both.
type worldFlow struct {
	from, to       string
	sent, answered uint64
	isWhole        bool
	first          int64
	connection     *conntrack.Connection
}

func newWorld(seed uint64) *world {
	w := &world{
		bench: newBenchOf(conntrack.NewTable(1 << 17)), random: rand.New(rand.NewPCG(seed, 9)),
		busy: map[string]bool{}, open: map[[32]byte]uint64{}, ended: map[[32]byte]bool{},
	}
	w.emit = func(r *record.Flow) error {
		packets := r.Client.Packets + r.Server.Packets
		switch {
		case w.ended[r.ID]:
			w.err = fmt.Sprintf("%s of %s, which had ended", r.State, r.ID)
		case r.State == record.StateEnd:
			w.out += packets
			w.ended[r.ID] = true
			delete(w.open, r.ID)
		default:
			w.open[r.ID] = packets
		}
		return nil
	}
	return w
}

// connection returns connection number n under masquerade, in its given life.
func (w *world) connection(n, life int) *conntrack.Connection {
	c := masqueraded(packet.ProtoTCP)
	c.Original.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(n)}), uint16(1024+n/256))
	c.Reply.Dst = netip.AddrPortFrom(c.Reply.Dst.Addr(), uint16(1024+n%60000))
	c.ID = uint32(n | life<<20)
	return c
}

func (w *world) tell(t *testing.T, f *worldFlow, state record.State) {
	t.Helper()
	r := flowOf(f.from, f.to, f.sent, f.answered, state)
	r.FirstSeen = f.first
	if state == record.StateEnd {
		r.EndReason = record.EndIdle
		w.in += f.sent + f.answered
	}
	setID(r)
	w.put(t, r)
	if w.err != "" {
		t.Fatal(w.err)
	}
}

// step makes one event happen.
func (w *world) step(t *testing.T, connections []*conntrack.Connection) {
	t.Helper()
	wait.Pass(time.Duration(1 + w.random.IntN(1000)))
	if len(w.live) == 0 || w.random.IntN(3) == 0 {
		c := connections[w.random.IntN(len(connections))]
		f := &worldFlow{from: c.Original.Src.String(), to: c.Original.Dst.String(), first: time.Now().UnixNano(),
			connection: c}
		switch w.random.IntN(10) {
		case 0:
			f.isWhole = true
		case 1, 2, 3, 4:
			f.from, f.to = c.Reply.Src.String(), c.Reply.Dst.String()
		}
		if !w.busy[f.from+f.to] { // one flow per key at a time
			w.busy[f.from+f.to] = true
			w.live = append(w.live, f)
		}
	}
	if len(w.live) == 0 {
		return
	}
	at := w.random.IntN(len(w.live))
	f := w.live[at]
	f.sent += 1 + w.random.Uint64N(5)
	if f.isWhole && f.sent > 3 { // its first record looks like a leg
		f.answered++
	}
	if w.random.IntN(3) > 0 {
		w.tell(t, f, record.StateUpdate)
		return
	}
	w.tell(t, f, record.StateEnd)
	delete(w.busy, f.from+f.to)
	w.live[at] = w.live[len(w.live)-1]
	w.live = w.live[:len(w.live)-1]
}

// TestCountsKept: the last records have the counts of all legs' flows, at every limit and whatever the kernel reports
// of the connections.
func TestCountsKept(t *testing.T) {
	for _, x := range []struct {
		name               string
		connections, steps int
		disturb            func(*world, []*conntrack.Connection, int)
	}{
		{name: "few", connections: 20, steps: 20_000},
		{name: "beyond the limits", connections: 3 * maxPairs, steps: 200_000},
		{name: "time passes", connections: 500, steps: 20_000, disturb: func(w *world, _ []*conntrack.Connection,
			_ int) {
			wait.Pass(time.Duration(w.random.Int64N(int64(3 * w.natLegs.liveSilence))))
		}},
		{name: "connections end and others have their names", connections: 50, steps: 20_000,
			disturb: func(w *world, all []*conntrack.Connection, life int) {
				n := w.random.IntN(len(all))
				w.table.Drop(all[n])
				wait.Pass(time.Duration(w.random.Int64N(int64(5 * time.Second))))
				all[n] = w.connection(n, life)
				w.table.Put(all[n])
			}},
		{name: "events are lost", connections: 50, steps: 20_000, disturb: func(w *world, all []*conntrack.Connection,
			life int) {
			w.table.SetBehind(!w.table.IsBehind())
			n := w.random.IntN(len(all))
			if w.table.Drop(all[n]); life%2 == 0 {
				w.table.Put(all[n])
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(uint64(len(x.name)))
				var all []*conntrack.Connection
				for n := range x.connections {
					all = append(all, w.connection(n, 0))
					w.table.Put(all[n])
				}
				for i := range x.steps {
					w.step(t, all)
					if i%50 == 0 && x.disturb != nil {
						x.disturb(w, all, i/50+1)
					}
					if i%100 == 0 {
						w.tick(t)
					}
				}
				for _, f := range w.live {
					w.tell(t, f, record.StateEnd)
				}
				if err := w.Close(time.Now()); err != nil {
					t.Fatal(err)
				}
				if w.err != "" || w.in != w.out || len(w.natLegs.pairs) > 0 || len(w.resync.held) > 0 {
					t.Errorf("%s; %d packets in, %d out; %d pairs and %d held records are left", w.err, w.in, w.out,
						len(w.natLegs.pairs), len(w.resync.held))
				}
				if x.disturb == nil && len(w.open) > 0 {
					t.Errorf("%d flows were reported and never ended", len(w.open))
				}
				var counts metric.Snapshot
				if w.Collect(&counts); x.connections > maxPairs && counts[metric.LegsUnjoined] == 0 {
					t.Error("no limit was reached")
				}
			})
		})
	}
}

// TestFullLegs: in a full table of connections with one ended and one live leg, the stage passes on what has ended
// at once.
func TestFullLegs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		var flows []*worldFlow
		const n = maxPairs + 8
		for i := range n {
			wait.Pass(time.Microsecond)
			c := w.connection(i, 0)
			w.table.Put(c)
			w.tell(t, &worldFlow{from: c.Original.Src.String(), to: server, sent: 3, first: time.Now().UnixNano()},
				record.StateUpdate)
			f := &worldFlow{from: server, to: c.Reply.Dst.String(), sent: 1, first: time.Now().UnixNano() + 1}
			w.tell(t, f, record.StateEnd)
			flows = append(flows, &worldFlow{from: c.Original.Src.String(), to: server, sent: 5, first: f.first - 1})
		}
		if w.out != 8 || w.natLegs.withLive.n != maxPairs || len(w.natLegs.pairs) != n {
			t.Errorf("%d packets were passed on, %d live pairs hold records, of %d", w.out, w.natLegs.withLive.n,
				len(w.natLegs.pairs))
		}
		for _, f := range flows {
			w.tell(t, f, record.StateEnd)
		}
		if err := w.Close(time.Now()); err != nil || w.in != w.out || w.err != "" || len(w.open) > 0 {
			t.Errorf("%v; %s; %d packets in, %d out; %d never ended", err, w.err, w.in, w.out, len(w.open))
		}
	})
}
