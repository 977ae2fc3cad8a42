// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// These tests simulate the kernel's slots. capture/kernel and agent test the real ones.

// slots is a capture.Counter. It belongs to the worker's goroutine, on which a script's steps run too.
type slots struct {
	counts   []capture.Counts
	shown    map[uint32]int32
	shownNew int32
	retired  []uint32
	released []uint32
	onRetire func(slot uint32)
}

func (s *slots) Slots() (first, count uint32) { return 100, uint32(len(s.counts)) }

func (s *slots) Packets(slot uint32) (born int64, sum uint64) {
	c := &s.counts[slot-100]
	return c.Born, c.Packets[0] + c.Packets[1]
}

func (s *slots) Read(slot uint32, to *capture.Counts) bool {
	*to = s.counts[slot-100]
	return to.Born != 0
}

func (s *slots) Show(slot uint32, packets int32) { s.shown[slot] = packets }

func (s *slots) ShowNew(packets int32) { s.shownNew = packets }

func (s *slots) Retire(slots []uint32) error {
	s.retired = append(s.retired, slots...)
	if s.onRetire != nil {
		for _, slot := range slots {
			s.onRetire(slot)
		}
	}
	return nil
}

func (s *slots) Release(slots []uint32) error {
	s.released = append(s.released, slots...)
	for _, slot := range slots {
		s.counts[slot-100] = capture.Counts{}
	}
	return nil
}

// script is a source that runs one step at each Read, and then closes.
type script struct {
	steps []func(each func(*capture.Frame))
}

func (s *script) Read(timeout time.Duration, each func(*capture.Frame)) error {
	if len(s.steps) == 0 {
		return net.ErrClosed
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	step(each)
	return nil
}

func (*script) Losses(*capture.Losses) {}

func (*script) Close() error { return nil }

// tickPasses waits for the worker's next tick.
func tickPasses(func(*capture.Frame)) { wait.Pass(1100 * time.Millisecond) }

// shownFrame returns a frame that the kernel has counted in a slot.
func shownFrame(b []byte, slot uint32, born int64, fromUpper bool) *capture.Frame {
	return &capture.Frame{
		Data: b, Length: len(b), Time: capture.Now(), Interface: 7, Link: packet.LinkRaw,
		Flow: capture.FlowRef{Slot: slot, Born: born, FromUpper: fromUpper},
	}
}

// keyOf returns the key of a raw packet.
func keyOf(t testing.TB, b []byte) (key [5]uint64, fromUpper bool) {
	t.Helper()
	var p packet.Packet
	p.Decode(packet.LinkRaw, b, len(b))
	k, fromLower := flow.NewKey(&p, 0)
	return k, !fromLower
}

// runLive plays a script, and returns a line for each record.
func runLive(t *testing.T, s *slots, flows int, steps ...func(func(*capture.Frame))) (lines []string,
	totals engine.Totals) {
	t.Helper()
	records, totals := runLiveRecords(t, s, flows, steps...)
	for _, f := range records {
		lines = append(lines, fmt.Sprintf("%s %s %s %d/%d %d/%d %s %s", f.Client.Addr, f.Server.Addr, f.Protocol,
			f.Client.Packets,
			f.Server.Packets, f.Client.Bytes, f.Server.Bytes, f.EndReason, f.Interface))
	}
	slices.Sort(lines)
	return lines, totals
}

// runLiveRecords plays a script, in a bubble whose time passes when a step lets it, and returns the records.
func runLiveRecords(t *testing.T, s *slots, flows int, steps ...func(func(*capture.Frame))) (records []record.Flow,
	totals engine.Totals) {
	t.Helper()
	c := config(t)
	c.Flows = flow.Config{MaxFlows: flows, Linger: time.Second, Idle: 2 * time.Second}
	return runLiveConfig(t, s, c, steps...)
}

// runLiveConfig is runLiveRecords with a configuration.
func runLiveConfig(t *testing.T, s *slots, c engine.Config, steps ...func(func(*capture.Frame))) (
	records []record.Flow, totals engine.Totals) {
	t.Helper()
	s.shown = map[uint32]int32{}
	synctest.Test(t, func(t *testing.T) {
		live := engine.NewLive(c, 1, 0)
		emitted := make(chan struct{})
		go func() {
			defer close(emitted)
			for h := range live.Handovers() {
				_ = h.Emit(func(f *record.Flow) error {
					kept := *f
					kept.Info = slices.Clone(f.Info) // the engine's until each returns
					records = append(records, kept)
					return nil
				})
			}
		}()
		live.Interfaces.Set(map[uint32]string{7: "lan0"}, 0)
		if err := live.Worker(0).Run(&script{steps}, s); err != nil {
			t.Fatal(err)
		}
		live.Close()
		<-emitted
		totals = live.Totals()
	})
	return records, totals
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// counts returns a slot of a flow between 192.0.2.1 (the client, lower) and 192.0.2.2.
func counts(key [5]uint64, born int64, packets, bytes [2]uint64, flags [2]uint8) capture.Counts {
	now := capture.Now()
	return capture.Counts{
		Key: key, Born: born, Packets: packets, Bytes: bytes, Last: [2]int64{now, now}, First: now, Interface: 7,
		ISN: 1000, Flags: flags,
		FirstFlags: flags[0] & packet.SYN,
	}
}

// TestCountedByKernel: the frames shown name the flow, and the slot counts it, to the last packet of its end.
func TestCountedByKernel(t *testing.T) {
	query := udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
	key, fromUpper := keyOf(t, query)
	s := &slots{counts: make([]capture.Counts, 8)}
	s.onRetire = func(slot uint32) { // a packet was in flight
		c := &s.counts[slot-100]
		c.Packets[0], c.Bytes[0] = c.Packets[0]+1, c.Bytes[0]+61
	}
	lines, totals := runLive(t, s, 64,
		func(each func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{3, 2}, [2]uint64{300, 200}, [2]uint8{})
			each(shownFrame(query, 100, 5, fromUpper))
		},
		tickPasses, tickPasses, tickPasses, tickPasses, // it is idle, ends, and is retired
		tickPasses, tickPasses,
	)
	wantLines(t, lines, "192.0.2.1:40000 192.0.2.2:53 dns 4/2 361/200 idle lan0")
	if !slices.Equal(s.retired, []uint32{100}) || !slices.Equal(s.released, []uint32{100}) {
		t.Errorf("retired %d, released %d, want slot 100 once each", s.retired, s.released)
	}
	if totals.Packets != 6 || totals.WireBytes != 561 {
		t.Errorf("totals: %d packets, %d bytes", totals.Packets, totals.WireBytes)
	}
}

// TestUpdateOfSameInstant: packets that the kernel's coarse clock gives the time of the packet before are reported as
// soon as they are read, not only at the flow's end.
func TestUpdateOfSameInstant(t *testing.T) {
	query := udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
	key, fromUpper := keyOf(t, query)
	s := &slots{counts: make([]capture.Counts, 8)}
	c := config(t)
	c.UpdateEvery = time.Second
	c.Flows = flow.Config{MaxFlows: 64, Linger: time.Second, Idle: time.Minute}
	records, _ := runLiveConfig(t, s, c,
		func(each func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{3, 2}, [2]uint64{300, 200}, [2]uint8{})
			each(shownFrame(query, 100, 5, fromUpper))
		},
		tickPasses, tickPasses,
		func(func(*capture.Frame)) { s.counts[0].Packets[0], s.counts[0].Bytes[0] = 4, 400 },
		tickPasses, tickPasses, tickPasses,
	)
	var got []string
	for _, f := range records {
		got = append(got, fmt.Sprintf("%s %d/%d", f.State, f.Client.Packets, f.Client.Bytes))
	}
	wantLines(t, got, "new 3/300", "update 4/400", "end 4/400")
}

// TestFollowedLive: the record that names a flow has the kernel's counts of that moment.
func TestFollowedLive(t *testing.T) {
	query := udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
	key, fromUpper := keyOf(t, query)
	s := &slots{counts: make([]capture.Counts, 8)}
	c := config(t)
	c.Flows = flow.Config{MaxFlows: 64, Linger: time.Second, Idle: time.Minute}
	isFollowed := true
	c.IsFollowed = func() bool { return isFollowed }
	records, _ := runLiveConfig(t, s, c,
		func(each func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{1, 0}, [2]uint64{100, 0}, [2]uint8{})
			each(shownFrame(query, 100, 5, fromUpper))
		},
		func(func(*capture.Frame)) {
			isFollowed = false
			s.counts[0].Packets[0], s.counts[0].Bytes[0] = 4, 400
		},
		tickPasses, tickPasses, tickPasses, tickPasses, tickPasses, tickPasses, tickPasses,
	)
	var got []string
	for _, f := range records {
		got = append(got, fmt.Sprintf("%s %s %d/%d", f.State, f.Protocol, f.Client.Packets, f.Client.Bytes))
	}
	wantLines(t, got, "new dns 1/100", "end dns 4/400")
}

// TestFollowEvery: those who watch hear of a live flow as often as they want.
func TestFollowEvery(t *testing.T) {
	query := udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
	key, fromUpper := keyOf(t, query)
	for _, x := range []struct {
		every time.Duration
		want  []string
	}{
		{time.Millisecond, []string{"new 1/100", "update 4/400", "end 4/400"}},
		{time.Hour, []string{"new 1/100", "end 4/400"}},
		{0, []string{"new 1/100", "end 4/400"}},
	} {
		s := &slots{counts: make([]capture.Counts, 8)}
		c := config(t)
		c.Flows = flow.Config{MaxFlows: 64, Linger: time.Second, Idle: time.Minute}
		c.IsFollowed = func() bool { return true }
		c.FollowEvery = func() time.Duration { return x.every }
		records, _ := runLiveConfig(t, s, c,
			tickPasses, // the first period begins
			func(each func(*capture.Frame)) {
				s.counts[0] = counts(key, 5, [2]uint64{1, 0}, [2]uint64{100, 0}, [2]uint8{})
				each(shownFrame(query, 100, 5, fromUpper))
			},
			func(func(*capture.Frame)) { s.counts[0].Packets[0], s.counts[0].Bytes[0] = 4, 400 },
			tickPasses, tickPasses,
		)
		var got []string
		for _, f := range records {
			got = append(got, fmt.Sprintf("%s %d/%d", f.State, f.Client.Packets, f.Client.Bytes))
		}
		wantLines(t, got, x.want...)
	}
}

// TestSlotWithoutFrame: the ring was full, so no frame of the flow was shown.
func TestSlotWithoutFrame(t *testing.T) {
	key, _ := keyOf(t, segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.SYN, ""))
	s := &slots{counts: make([]capture.Counts, 8)}
	lines, _ := runLive(t, s, 64, func(func(*capture.Frame)) {
		s.counts[0] = counts(key, 5, [2]uint64{3, 2}, [2]uint64{300, 200}, [2]uint8{packet.SYN, packet.SYN})
	}, tickPasses)
	wantLines(t, lines, "192.0.2.1:40000 192.0.2.2:443 tls 3/2 300/200 shutdown lan0")
}

// TestTunnelFoundByItsSlot: a tunnel makes the same record whether its counts or its first frame are read first.
func TestTunnelFoundByItsSlot(t *testing.T) {
	tunnel := gre("192.0.2.1", "192.0.2.2", udp("198.51.100.1", "198.51.100.2", 40000, 53, dnsQuery))
	key, fromUpper := keyOf(t, tunnel)
	s := &slots{counts: make([]capture.Counts, 8)}
	records, _ := runLiveRecords(t, s, 64,
		func(func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{1, 0}, [2]uint64{80, 0}, [2]uint8{})
		},
		tickPasses,
		func(each func(*capture.Frame)) { each(shownFrame(tunnel, 100, 5, fromUpper)) },
	)
	for _, r := range records {
		if r.Protocol == "gre" && len(r.Info) > 0 {
			t.Errorf("the tunnel was dissected: %s", r.Info)
		}
	}
	if len(records) != 2 || s.shown[100] != 0 {
		t.Errorf("%d records, want the tunnel and what is inside; shown: %v", len(records), s.shown)
	}
}

// TestTwoLivesOfAKey: a connection ends, and another one with the same ports begins within a second: two slots, two
// records.
func TestTwoLivesOfAKey(t *testing.T) {
	syn := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.SYN, "")
	key, fromUpper := keyOf(t, syn)
	s := &slots{counts: make([]capture.Counts, 8)}
	ended := packet.SYN | packet.FIN
	lines, _ := runLive(t, s, 64,
		func(each func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{3, 3}, [2]uint64{300, 200}, [2]uint8{ended, ended})
			each(shownFrame(syn, 100, 5, fromUpper))
		},
		func(each func(*capture.Frame)) {
			s.counts[0].Replaced = true
			s.counts[1] = counts(key, 9, [2]uint64{1, 0}, [2]uint64{60, 0}, [2]uint8{packet.SYN, 0})
			each(shownFrame(syn, 101, 9, fromUpper))
		},
		tickPasses,
		func(each func(*capture.Frame)) { each(shownFrame(syn, 100, 5, fromUpper)) }, // late, of the first life
	)
	wantLines(t, lines,
		"192.0.2.1:40000 192.0.2.2:443 tls 1/0 60/0 shutdown lan0",
		"192.0.2.1:40000 192.0.2.2:443 tls 3/3 300/200 closed lan0")
}

// TestLifeAfterReset: a reset read at a tick stays the first life's end when the second begins.
func TestLifeAfterReset(t *testing.T) {
	syn := segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.SYN, "")
	again := segment("192.0.2.1", "192.0.2.2", 40000, 443, 5000, 0, packet.SYN, "")
	key, fromUpper := keyOf(t, syn)
	s := &slots{counts: make([]capture.Counts, 8)}
	lines, _ := runLive(t, s, 64,
		func(each func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{3, 3}, [2]uint64{300, 200},
				[2]uint8{packet.SYN, packet.SYN | packet.RST})
			each(shownFrame(syn, 100, 5, fromUpper))
			tickPasses(nil) // the tick reads it; it lingers for a second
		},
		func(each func(*capture.Frame)) {
			s.counts[1] = counts(key, 9, [2]uint64{1, 0}, [2]uint64{60, 0}, [2]uint8{packet.SYN, 0})
			each(shownFrame(again, 101, 9, fromUpper))
		},
	)
	wantLines(t, lines,
		"192.0.2.1:40000 192.0.2.2:443 tls 1/0 60/0 shutdown lan0",
		"192.0.2.1:40000 192.0.2.2:443 tls 3/3 300/200 reset lan0")
}

// TestUnseenLivesInOrder: of two unseen lives of a key, the younger one may have the lower slot.
func TestUnseenLivesInOrder(t *testing.T) {
	key, _ := keyOf(t, segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.SYN, ""))
	s := &slots{counts: make([]capture.Counts, 8)}
	ended := packet.SYN | packet.FIN
	lines, _ := runLive(t, s, 64, func(func(*capture.Frame)) {
		s.counts[0] = counts(key, 9, [2]uint64{1, 1}, [2]uint64{60, 60}, [2]uint8{packet.SYN, packet.SYN})
		s.counts[1] = counts(key, 5, [2]uint64{3, 3}, [2]uint64{300, 200}, [2]uint8{ended, ended})
		tickPasses(nil)
	})
	wantLines(t, lines,
		"192.0.2.1:40000 192.0.2.2:443 tls 1/1 60/60 shutdown lan0",
		"192.0.2.1:40000 192.0.2.2:443 tls 3/3 300/200 closed lan0")
}

// TestFullTable: a flow that finds no room leaves its slot when it has been silent, and its packets count as refused.
func TestFullTable(t *testing.T) {
	s := &slots{counts: make([]capture.Counts, 8)}
	show := func(i uint32, silent time.Duration) func(func(*capture.Frame)) {
		q := udp("192.0.2.1", "192.0.2.2", uint16(40000+i), 53, dnsQuery)
		key, fromUpper := keyOf(t, q)
		return func(each func(*capture.Frame)) {
			s.counts[i] = counts(key, 5, [2]uint64{3, 3}, [2]uint64{30, 30}, [2]uint8{})
			last := capture.Now() - int64(silent)
			s.counts[i].Last = [2]int64{last, last}
			each(shownFrame(q, 100+i, 5, fromUpper))
		}
	}
	lines, totals := runLive(t, s, 1, show(0, 0), tickPasses, show(1, 11*time.Second), tickPasses, tickPasses)
	if len(lines) != 1 || totals.Refused != 6 || !slices.Contains(s.released, 101) {
		t.Errorf("%d flows, %d packets refused, slots released: %d; want 1, 6, and 101 among them", len(lines),
			totals.Refused, s.released)
	}
}

// TestFullTableReadsFirst: a full table does not evict a flow that was answered since the last reading of the counters;
// it evicts one that was not.
func TestFullTableReadsFirst(t *testing.T) {
	for _, isAnswered := range []bool{true, false} {
		s := &slots{counts: make([]capture.Counts, 8)}
		show := func(i uint32) func(func(*capture.Frame)) {
			q := udp("192.0.2.1", "192.0.2.2", uint16(40000+i), 53, dnsQuery)
			key, fromUpper := keyOf(t, q)
			return func(each func(*capture.Frame)) {
				if i > 0 && isAnswered {
					s.counts[0].Packets, s.counts[0].Bytes = [2]uint64{1, 1}, [2]uint64{61, 61}
				}
				s.counts[i] = counts(key, 5, [2]uint64{1, 0}, [2]uint64{61, 0}, [2]uint8{})
				each(shownFrame(q, 100+i, 5, fromUpper))
			}
		}
		lines, totals := runLive(t, s, 1, show(0), tickPasses, show(1))
		if isAnswered {
			wantLines(t, lines, "192.0.2.1:40000 192.0.2.2:53 dns 1/1 61/61 shutdown lan0")
		} else {
			wantLines(t, lines, "192.0.2.1:40000 192.0.2.2:53 dns 1/0 61/0 evicted lan0",
				"192.0.2.1:40001 192.0.2.2:53 dns 1/0 61/0 shutdown lan0")
		}
		if refused := totals.Refused; (refused == 1) != isAnswered {
			t.Errorf("%d packets refused", refused)
		}
	}
}

// TestFramesOfTheLifeBefore: a connection between the same ports was found by its counters while frames of the one
// before waited in the socket's ring: its own SYN, which comes behind them, begins no third flow.
func TestFramesOfTheLifeBefore(t *testing.T) {
	elsewhere := func(seq uint32, flags uint8, payload string) *capture.Frame {
		b := segment("192.0.2.1", "192.0.2.2", 40000, 80, seq, 1, flags, payload)
		return shownFrame(b, capture.CountedElsewhere, 0, false)
	}
	key, _ := keyOf(t, elsewhere(1000, packet.SYN, "").Data)
	s := &slots{counts: make([]capture.Counts, 8)}
	const all = packet.SYN | packet.ACK | packet.RST
	lines, _ := runLive(t, s, 64, func(each func(*capture.Frame)) {
		each(elsewhere(1000, packet.SYN, ""))
		for i, isn := range []uint32{1000, 9000} {
			s.counts[i] = counts(key, int64(5+i), [2]uint64{5, 3}, [2]uint64{300, 500}, [2]uint8{all, all})
			s.counts[i].ISN, s.counts[i].FirstFlags = isn, packet.SYN
		}
	}, tickPasses, func(each func(*capture.Frame)) {
		each(elsewhere(1001, packet.ACK, "GET / HTTP/1.1\r\n\r\n"))
		each(elsewhere(9000, packet.SYN, ""))
		each(elsewhere(9001, packet.ACK, "GET / HTTP/1.1\r\n\r\n"))
	}, tickPasses)
	if len(lines) != 2 {
		t.Errorf("records of two connections: %q", lines)
	}
}

// TestReadAfterItsEnd: a full table evicts a connection that has ended by its counters, while its frames wait for the
// worker: they are counted as not inspected, at once and after the slot's release.
func TestReadAfterItsEnd(t *testing.T) {
	syn := segment("192.0.2.1", "192.0.2.2", 40000, 80, 1000, 0, packet.SYN, "")
	get := segment("192.0.2.1", "192.0.2.2", 40000, 80, 1001, 1, packet.ACK, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	ack := segment("192.0.2.1", "192.0.2.2", 40000, 80, 1035, 1, packet.ACK, "")
	key, fromUpper := keyOf(t, syn)
	other := segment("192.0.2.1", "192.0.2.2", 40001, 80, 1000, 0, packet.SYN, "")
	otherKey, _ := keyOf(t, other)
	s := &slots{counts: make([]capture.Counts, 8)}
	const all = packet.SYN | packet.ACK | packet.FIN
	late := func(each func(*capture.Frame)) {
		each(shownFrame(get, 100, 5, fromUpper))
		each(shownFrame(ack, 100, 5, fromUpper))
	}
	lines, totals := runLive(t, s, 1, func(each func(*capture.Frame)) {
		s.counts[0] = counts(key, 5, [2]uint64{5, 5}, [2]uint64{300, 500}, [2]uint8{all, all})
	}, tickPasses, func(each func(*capture.Frame)) {
		s.counts[1] = counts(otherKey, 6, [2]uint64{1, 0}, [2]uint64{40, 0}, [2]uint8{packet.SYN, 0})
		each(shownFrame(other, 101, 6, fromUpper))
		late(each)
	}, tickPasses, tickPasses, late)
	if len(lines) != 2 || totals.Unread != 2 {
		t.Errorf("%d packets were read after their flow's end, want 2: %q", totals.Unread, lines)
	}
}

// TestHandedOver: a packet for which the kernel had no slot is counted even if its flow has a slot by the time it is
// read.
func TestHandedOver(t *testing.T) {
	query := udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
	key, _ := keyOf(t, query)
	s := &slots{counts: make([]capture.Counts, 8)}
	lines, totals := runLive(t, s, 64,
		func(func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{3, 2}, [2]uint64{300, 200}, [2]uint8{})
		},
		tickPasses, // finds the slot
		func(each func(*capture.Frame)) { each(shownFrame(query, capture.NotCounted, 0, false)) },
	)
	wantLines(t, lines, fmt.Sprintf("192.0.2.1:40000 192.0.2.2:53 dns 4/2 %d/200 shutdown lan0", 300+len(query)))
	if totals.Packets != 6 {
		t.Errorf("totals: %d packets", totals.Packets)
	}
}

// TestEarlyFragmentsByKernel: later fragments that the kernel leaves to the worker count in the flow of the first one.
// A socket filter leaves them by showing them.
func TestEarlyFragmentsByKernel(t *testing.T) {
	key, fromUpper := keyOf(t, piece(9, 0, true))
	for name, refs := range map[string][2]uint32{
		"by its programs":    {capture.NotCounted, 100},
		"by a socket filter": {capture.CountedElsewhere, capture.CountedElsewhere},
	} {
		s := &slots{counts: make([]capture.Counts, 8)}
		lines, totals := runLive(t, s, 64, func(each func(*capture.Frame)) {
			s.counts[0] = counts(key, 5, [2]uint64{1, 0}, [2]uint64{28, 0}, [2]uint8{})
			each(shownFrame(piece(9, 2, false), refs[0], 0, false))
			each(shownFrame(piece(9, 1, true), refs[0], 0, false))
			each(shownFrame(piece(9, 0, true), refs[1], 5, fromUpper))
			each(shownFrame(piece(8, 1, true), refs[0], 0, false)) // its first fragment never comes
		})
		slices.Sort(lines)
		t.Log(name)
		wantLines(t, lines, "10.0.0.9:0 198.51.100.1:0  1/0 28/0 shutdown lan0",
			"10.0.0.9:50000 198.51.100.1:40001  3/0 84/0 shutdown lan0")
		if totals.Packets != 4 || totals.UnresolvedFragments != 1 {
			t.Errorf("totals: %d packets, %d unresolved", totals.Packets, totals.UnresolvedFragments)
		}
	}
}

// TestSlotsOutOfOrder: a CPU has returned a slot while others took the next ones, whose frames were not shown.
func TestSlotsOutOfOrder(t *testing.T) {
	key, _ := keyOf(t, segment("192.0.2.1", "192.0.2.2", 40000, 443, 1000, 0, packet.SYN, ""))
	s := &slots{counts: make([]capture.Counts, 8)}
	lines, _ := runLive(t, s, 64, func(func(*capture.Frame)) {
		s.counts[2] = counts(key, 5, [2]uint64{3, 2}, [2]uint64{300, 200}, [2]uint8{packet.SYN, packet.SYN})
	})
	wantLines(t, lines, "192.0.2.1:40000 192.0.2.2:443 tls 3/2 300/200 shutdown lan0")
}

// TestFullTableAtTheEnd: flows without room count as refused even if they last to the end, and each packet once.
func TestFullTableAtTheEnd(t *testing.T) {
	s := &slots{counts: make([]capture.Counts, 8)}
	show := func(i uint32) func(func(*capture.Frame)) {
		q := udp("192.0.2.1", "192.0.2.2", uint16(40000+i), 53, dnsQuery)
		key, fromUpper := keyOf(t, q)
		return func(each func(*capture.Frame)) {
			s.counts[i] = counts(key, 5, [2]uint64{3, 3}, [2]uint64{30, 30}, [2]uint8{})
			each(shownFrame(q, 100+i, 5, fromUpper))
		}
	}
	lines, totals := runLive(t, s, 1, show(0), tickPasses, show(1), tickPasses, func(func(*capture.Frame)) {
		s.counts[1].Packets[0]++
	})
	if len(lines) != 1 || totals.Refused != 7 {
		t.Errorf("%d flows, %d packets refused; want 1, 7", len(lines), totals.Refused)
	}
	if shown, ok := s.shown[101]; !ok || shown != 0 {
		t.Errorf("the flow that was refused is shown on: %d, %v", shown, ok)
	}
}

// TestBlockedOutput: while a record cannot be written, interfaces can be named and totals read.
func TestBlockedOutput(t *testing.T) {
	query := udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
	live := engine.NewLive(config(t), 1, 0)
	each := func(each func(*capture.Frame)) { each(shownFrame(query, capture.NotCounted, 0, false)) }
	if err := live.Worker(0).Run(&script{[]func(func(*capture.Frame)){each}}, nil); err != nil {
		t.Fatal(err)
	}
	live.Close()
	records := 0
	for h := range live.Handovers() {
		_ = h.Emit(func(*record.Flow) error {
			records++
			free := make(chan struct{})
			go func() {
				defer close(free)
				live.Interfaces.Set(map[uint32]string{8: "lan1"}, 0)
				_ = live.Totals()
			}()
			wait.For(t, "a blocked output blocks neither Interfaces.Set nor Totals", free)
			return nil
		})
	}
	if records != 1 {
		t.Errorf("%d records", records)
	}
}

// TestEmitFails: after the first error no record of the batch follows, and the worker gets its memory back.
func TestEmitFails(t *testing.T) {
	full := errors.New("disk full")
	live := engine.NewLive(config(t), 1, 0)
	frames := func(each func(*capture.Frame)) {
		for port := range uint16(3) {
			each(shownFrame(udp("192.0.2.1", "192.0.2.2", 40000+port, 53, dnsQuery), capture.NotCounted, 0, false))
		}
	}
	if err := live.Worker(0).Run(&script{[]func(func(*capture.Frame)){frames}}, nil); err != nil {
		t.Fatal(err)
	}
	live.Close()
	n := 0
	for h := range live.Handovers() {
		if err := h.Emit(func(*record.Flow) error { n++; return full }); n > 0 && !errors.Is(err, full) {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d records after an error", n)
	}
}
