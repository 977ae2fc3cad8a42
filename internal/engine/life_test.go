// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
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

// lifePacket returns a case's packet between 192.0.2.1 and 192.0.2.2. clientIsLower gives the client the lower address.
func lifePacket(p *flowtest.Packet, clientIsLower bool) []byte {
	client, server := "192.0.2.1", "192.0.2.2"
	if !clientIsLower {
		client, server = server, client
	}
	if p.FromServer {
		return segment(server, client, 443, 40000, p.Seq, p.Ack, p.Flags, p.Payload)
	}
	return segment(client, server, 40000, 443, p.Seq, p.Ack, p.Flags, p.Payload)
}

// asLife converts a record to a life of a case.
func asLife(r *record.Flow) flowtest.Life {
	reasons := map[record.EndReason]flow.Reason{
		record.EndClosed: flow.Closed, record.EndReset: flow.Reset, record.EndIdle: flow.Idle,
		record.EndEvicted: flow.Evicted, record.EndShutdown: flow.Shutdown,
	}
	return flowtest.Life{Packets: [2]uint64{r.Client.Packets, r.Server.Packets}, End: reasons[r.EndReason]}
}

// TestLivesCountedByWorker: the worker that counts itself makes the expected flows of each case.
func TestLivesCountedByWorker(t *testing.T) {
	for i := range flowtest.Cases {
		c := &flowtest.Cases[i]
		var lives []flowtest.Life
		p := engine.NewPipeline(config(t), 1, 0, func(f *record.Flow) error {
			lives = append(lives, asLife(f))
			return nil
		})
		now := int64(1_000_000 * time.Second)
		for n := range c.Packets {
			now += int64(c.Packets[n].Wait + time.Microsecond)
			b := lifePacket(&c.Packets[n], true)
			p.Frame(&engine.Frame{Data: b, Length: len(b), Time: now, Link: packet.LinkRaw})
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		c.Want(t, "counted by the worker", lives)
	}
}

// TestLivesCountedByKernel: the worker with the kernel's counters makes the same flows, however many frames it sees,
// and whether the kernel names their slot or, as a socket filter, does not.
func TestLivesCountedByKernel(t *testing.T) {
	for _, mode := range []struct {
		name          string
		isShown       func(c *flowtest.Case, i int) bool
		hasRef        bool
		clientIsLower bool
	}{
		{"all shown", func(*flowtest.Case, int) bool { return true }, true, true},
		{"all shown, the client is the upper end", func(*flowtest.Case, int) bool { return true }, true, false},
		{"what a budget of 0 shows", isFirstOrSYN, true, true},
		{"nothing shown", func(*flowtest.Case, int) bool { return false }, true, true},
		{"by a socket filter", func(*flowtest.Case, int) bool { return true }, false, true},
	} {
		t.Run(mode.name, func(t *testing.T) {
			for i := range flowtest.Cases {
				c := &flowtest.Cases[i]
				s := &slots{counts: make([]capture.Counts, 8)}
				records, _ := runLiveRecords(t, s, 64, func(each func(*capture.Frame)) {
					playLives(t, s, c, mode.clientIsLower, func(n int, fr *capture.Frame) {
						if !mode.hasRef {
							fr.Flow.Slot = capture.CountedElsewhere
						}
						if mode.isShown(c, n) {
							each(fr)
						}
					})
				})
				lives := make([]flowtest.Life, 0, len(records))
				slices.SortStableFunc(records, func(a, b record.Flow) int { return int(a.FirstSeen - b.FirstSeen) })
				for k := range records {
					lives = append(lives, asLife(&records[k]))
				}
				c.Want(t, mode.name, lives)
			}
		})
	}
}

// isFirstOrSYN reports whether the kernel shows a packet even after the flow's budget is spent.
func isFirstOrSYN(c *flowtest.Case, i int) bool {
	return i == 0 || c.LifeOf(i) != c.LifeOf(i-1) || c.Packets[i].Flags&packet.SYN != 0
}

// playLives counts the packets of a case in slots, one per life, and shows each packet's frame.
func playLives(t *testing.T, s *slots, c *flowtest.Case, clientIsLower bool, show func(i int, fr *capture.Frame)) {
	t.Helper()
	total := time.Duration(0)
	for i := range c.Packets {
		total += c.Packets[i].Wait
	}
	now := time.Now().Add(-total - time.Second).UnixNano()
	var flags flowtest.Flags
	for i := range c.Packets {
		p := &c.Packets[i]
		now += int64(p.Wait + time.Millisecond)
		b := lifePacket(p, clientIsLower)
		key, fromUpper := keyOf(t, b)
		life := c.LifeOf(i)
		n := &s.counts[life]
		if n.Born == 0 {
			if life > 0 {
				s.counts[life-1].Replaced = true
			}
			flags = flowtest.Flags{}
			*n = capture.Counts{Key: key, Born: now, First: now, Interface: 7, FirstFromUpper: fromUpper}
			if n.FirstFlags, n.ISN = p.Flags, p.Seq; p.Flags&packet.ACK != 0 {
				n.ISN = p.Ack - 1
			}
		}
		flags.Add(p)
		end, client := 0, 0
		if fromUpper {
			end = 1
		}
		if !clientIsLower {
			client = 1
		}
		n.Flags[client], n.Flags[client^1] = flags[0], flags[1]
		n.Packets[end]++
		n.Bytes[end] += uint64(len(b))
		n.Last[end] = now
		show(i, &capture.Frame{
			Data: b, Length: len(b), Time: now, Interface: 7, Link: packet.LinkRaw,
			Flow: capture.FlowRef{Slot: uint32(100 + life), Born: n.Born, FromUpper: fromUpper},
		})
	}
}
