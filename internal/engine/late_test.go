// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/flow/flowtest"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// another is the query whose flow takes the place of an ended connection.
func another() []byte { return udp("192.0.2.7", "192.0.2.8", 40000, 53, dnsQuery) }

// TestLateCountedByWorker: in a full table, packets of a connection after its end and its record make no other record.
func TestLateCountedByWorker(t *testing.T) {
	tested := 0
	for i := range flowtest.Cases {
		c := &flowtest.Cases[i]
		tail := c.Tail()
		if tail == len(c.Packets) {
			continue
		}
		tested++
		cfg := config(t)
		cfg.Flows = flow.Config{MaxFlows: 1}
		var records []record.Flow
		p := engine.NewPipeline(cfg, 1, 0, func(f *record.Flow) error {
			records = append(records, *f)
			return nil
		})
		now := int64(1_000_000 * time.Second)
		send := func(b []byte) {
			now += int64(time.Millisecond)
			p.Frame(&engine.Frame{Data: b, Length: len(b), Time: now, Link: packet.LinkRaw})
		}
		for n := range c.Packets {
			if n == tail {
				send(another())
			}
			send(lifePacket(&c.Packets[n], true))
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		totals, inTime, late := p.Totals(), uint64(tail+1), uint64(len(c.Packets)-tail)
		if len(records) != 2 || totals.Packets != inTime || totals.Late != late {
			t.Errorf("%s: %d records, %d packets in them, %d late; want 2, %d, %d", c.Name, len(records),
				totals.Packets,
				totals.Late, inTime, late)
		}
	}
	if tested < 3 {
		t.Errorf("only %d cases have packets after the end", tested)
	}
}

// TestLateCountedByKernel: where the kernel counts, the late packets have a slot of their own, which makes no record.
func TestLateCountedByKernel(t *testing.T) {
	ended := packet.SYN | packet.FIN
	lastACK := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1010, 9008, packet.ACK, "")
	more := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1010, 9008, packet.ACK, "more")
	key, fromUpper := keyOf(t, lastACK)
	for _, c := range []struct {
		name    string
		flags   uint8    // of the server, when the connection ends
		late    [][]byte // packets after another flow has taken its place
		slot    uint32   // in the frames
		isShown bool
		records int
		counted uint64 // as late
	}{
		{"the last acknowledgement", ended, [][]byte{lastACK}, 101, true, 2, 1},
		{"not shown", ended, [][]byte{lastACK}, 101, false, 2, 1},
		{"by a socket filter", ended, [][]byte{lastACK}, capture.CountedElsewhere, true, 2, 1},
		{"payload again", ended, [][]byte{more, lastACK}, 101, true, 2, 2},
		{"after a reset", packet.SYN | packet.RST, [][]byte{lastACK, lastACK}, 101, true, 2, 2},
		{"payload after a reset", packet.SYN | packet.RST, [][]byte{more}, 101, true, 3, 0},
		{"payload late after a reset", packet.SYN | packet.RST, [][]byte{lastACK, more}, 101, true, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &slots{counts: make([]capture.Counts, 8)}
			first := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.SYN, "")
			query := another()
			queryKey, queryFromUpper := keyOf(t, query)
			records, totals := runLiveRecords(t, s, 1,
				func(each func(*capture.Frame)) {
					flags := [2]uint8{packet.SYN | c.flags&packet.FIN, c.flags}
					s.counts[0] = counts(key, 5, [2]uint64{3, 3}, [2]uint64{300, 200}, flags)
					each(shownFrame(first, 100, 5, fromUpper))
				},
				tickPasses, // reads its end
				func(each func(*capture.Frame)) {
					s.counts[2] = counts(queryKey, 7, [2]uint64{1, 0}, [2]uint64{60, 0}, [2]uint8{})
					each(shownFrame(query, 102, 7, queryFromUpper))
				},
				tickPasses, // retires the first slot
				func(each func(*capture.Frame)) {
					for n, b := range c.late {
						s.counts[1] = counts(key, 9, [2]uint64{uint64(n + 1), 0}, [2]uint64{uint64(n+1) * 44, 0},
							[2]uint8{})
						if c.isShown {
							each(shownFrame(b, c.slot, 9, fromUpper))
						}
					}
				},
				tickPasses,
			)
			sum := uint64(0)
			said := ""
			for _, r := range records {
				sum += r.Client.Packets + r.Server.Packets
				said += fmt.Sprintf("%s %s %d/%d; ", r.Client.Addr, r.EndReason, r.Client.Packets, r.Server.Packets)
			}
			all := uint64(7 + len(c.late))
			if len(records) != c.records || totals.Late != c.counted || sum+totals.Late+totals.Refused != all ||
				sum != totals.Packets {
				t.Errorf("%d records with %d packets (%s), %d late, %d refused; want %d, %d late, in all %d packets",
					len(records), sum, said, totals.Late, totals.Refused, c.records, c.counted, all)
			}
		})
	}
}

// TestRepetitionsAfterAReset: retransmissions of an end that does not know of the reset, with growing pauses, make no
// further records, whoever counts.
func TestRepetitionsAfterAReset(t *testing.T) {
	waits := []time.Duration{200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400} // milliseconds
	first := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.SYN, "")
	data := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1001, 1, packet.ACK, "again and again")
	reset := segment("192.0.2.2", "192.0.2.1", 443, 40000, 1, 0, packet.RST, "")
	key, fromUpper := keyOf(t, first)

	lives := map[string][]flowtest.Life{}
	p := engine.NewPipeline(config(t), 1, 0, func(f *record.Flow) error {
		lives["the worker"] = append(lives["the worker"], asLife(f))
		return nil
	})
	now := int64(1_000_000 * time.Second)
	send := func(b []byte) {
		p.Frame(&engine.Frame{Data: b, Length: len(b), Time: now, Link: packet.LinkRaw})
	}
	send(first)
	send(reset)
	for _, wait := range waits {
		now += int64(wait * time.Millisecond)
		send(data)
		send(reset)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	s := &slots{counts: make([]capture.Counts, 8)}
	packets := uint64(1)
	flags := [2]uint8{packet.SYN, packet.RST}
	steps := []func(func(*capture.Frame)){func(each func(*capture.Frame)) {
		s.counts[0] = counts(key, 5, [2]uint64{1, 1}, [2]uint64{40, 40}, flags)
		each(shownFrame(first, 100, 5, fromUpper))
	}, tickPasses}
	for n, ms := range waits[3:] {
		for range ms / 1000 * time.Duration(min(n, 1)) { // first no pause: these flows linger for a second
			steps = append(steps, tickPasses)
		}
		steps = append(steps, func(func(*capture.Frame)) {
			packets++
			last := capture.Now()
			s.counts[0].Packets, s.counts[0].Last = [2]uint64{packets, packets}, [2]int64{last, last}
			s.counts[0].Bytes = [2]uint64{55 * packets, 40 * packets}
		})
	}
	records, _ := runLiveRecords(t, s, 64, append(steps, tickPasses)...)
	for i := range records {
		lives["the kernel"] = append(lives["the kernel"], asLife(&records[i]))
	}
	for who, n := range map[string]uint64{"the worker": uint64(len(waits)) + 1, "the kernel": packets} {
		if want := []flowtest.Life{{Packets: [2]uint64{n, n}, End: flow.Reset}}; !slices.Equal(lives[who], want) {
			t.Errorf("counted by %s: %v, want %v", who, lives[who], want)
		}
	}
}

// TestIDStays: a flow's records have one id, even if the capture's clock is set back and a packet comes out of order.
func TestIDStays(t *testing.T) {
	cfg := config(t)
	cfg.UpdateEvery = time.Second
	ids := map[[32]byte]int{}
	p := engine.NewPipeline(cfg, 1, 0, func(f *record.Flow) error {
		ids[f.ID]++
		return nil
	})
	now := int64(1_000_000 * time.Second)
	for _, wait := range []time.Duration{0, 3, 3, -40, 3, 3, -8, 9, 3} { // -40: a step, -8: out of order
		now += int64(wait * time.Second)
		b := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.ACK, "more")
		p.Frame(&engine.Frame{Data: b, Length: len(b), Time: now, Link: packet.LinkRaw})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if len(ids) != 1 {
		t.Errorf("%d ids of one flow: %v", len(ids), ids)
	}
	for _, n := range ids {
		if n < 3 {
			t.Errorf("%d records, want those of several updates", n)
		}
	}
}
