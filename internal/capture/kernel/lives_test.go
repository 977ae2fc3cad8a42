// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/flow/flowtest"
	"github.com/weirnet/weir/internal/packet"
)

// TestLives: for each case the programs create one slot per life, and the engine's rules find the expected end in each.
func TestLives(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	for _, run := range []struct {
		name          string
		program       *ebpf.Program
		clientIsLower bool
	}{
		{"ingress", g.objects.WeirIngress, true}, {"ingress, the client is the upper end", g.objects.WeirIngress,
			false},
		{"xdp", g.objects.WeirXdp, true},
	} {
		if run.program == nil { // XDP before Linux 5.18
			continue
		}
		for i := range flowtest.Cases {
			c := &flowtest.Cases[i]
			for n := range c.Packets {
				if wait := c.Packets[n].Wait; wait > 0 {
					g.age(uint64(wait))
				}
				if n > 0 && c.LifeOf(n) != c.LifeOf(n-1) {
					waitForClockTick() // births distinguish the slots
				}
				g.run(run.program, lifeFrame(&c.Packets[n], run.clientIsLower))
			}
			var lives []flowtest.Life
			for _, s := range g.slots() {
				lives = append(lives, s.life(run.clientIsLower))
			}
			c.Want(t, run.name, lives)
			g.reset()
		}
	}
}

// lifeFrame returns a case's packet in a frame.
func lifeFrame(p *flowtest.Packet, clientIsLower bool) []byte {
	frame := segment(p.FromServer == clientIsLower, p.Seq, p.Flags, []byte(p.Payload))
	binary.BigEndian.PutUint32(frame[14+20+8:], p.Ack)
	return frame
}

// age adds to the silence of all slots.
func (g *rig) age(by uint64) {
	g.t.Helper()
	for _, s := range g.slots() {
		aged := s.WeirSlot
		for _, d := range []*bpf.WeirDirection{&aged.Lower, &aged.Upper} {
			if d.Packets > 0 {
				d.Last -= by
				d.Tick-- // the next packet is not in the same tick
			}
		}
		if err := g.objects.Slots.Put(s.number, &aged); err != nil {
			g.t.Fatal(err)
		}
	}
}

// life returns the result of the rules for a slot.
func (s *slot) life(clientIsLower bool) flowtest.Life {
	f := flow.Flow{Packets: [2]uint64{s.Lower.Packets, s.Upper.Packets}}
	client, server := s.LowerFlags, s.UpperFlags
	if !clientIsLower {
		f.Packets[0], f.Packets[1] = f.Packets[1], f.Packets[0]
		client, server = server, client
	}
	if s.FirstFlags&packet.SYN != 0 {
		f.TCP |= flow.Handshake
	}
	f.Answer()
	f.FollowReading(client, server)
	end := flow.Shutdown
	if f.State == flow.Ended || bpf.WeirMark(s.Marks)&bpf.WeirMarkMARK_REPLACED != 0 {
		end = f.ReasonReplaced()
	}
	return flowtest.Life{Packets: f.Packets, End: end}
}
