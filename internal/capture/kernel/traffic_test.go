// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/packet"
)

// count gives an interface a row.
func (g *rig) count(ifindex uint32) (row uint32) {
	g.t.Helper()
	row, err := g.Count(ifindex)
	if err != nil {
		g.t.Fatal(err)
	}
	if row == 0 {
		g.t.Fatalf("interface %d has no row", ifindex)
	}
	return row
}

// traffic returns what has passed both ways by a row.
func (g *rig) traffic(row uint32) (received, sent packet.Traffic) {
	g.view.Traffic(row, bpf.WeirWayWAY_RECEIVED, &received)
	g.view.Traffic(row, bpf.WeirWayWAY_SENT, &sent)
	return received, sent
}

// anew returns a row of the interface of test runs, at 0. Test runs on skbs have loopback, and so has XDP.
func (g *rig) anew() (row uint32) {
	g.t.Helper()
	if err := g.ForgetIngress(loopback); err != nil {
		g.t.Fatal(err)
	}
	return g.count(loopback)
}

// volumes returns the packets of IPv4 that an interface has received, and those that it has sent.
func (g *rig) volumes(p *port) [2]packet.Volume {
	received, sent := g.traffic(g.Row(p.ifindex))
	return [2]packet.Volume{received.IPv4, sent.IPv4}
}

// checkPassed wants so much more on an interface than before; XDP sees nothing of what goes out.
func (g *rig) checkPassed(p *port, before [2]packet.Volume, received, sent packet.Volume) {
	g.t.Helper()
	if g.config.Hook == "xdp" {
		sent = packet.Volume{}
	}
	got := g.volumes(p)
	for way, want := range [2]packet.Volume{received, sent} {
		if more := (packet.Volume{Packets: got[way].Packets - before[way].Packets,
			Bytes: got[way].Bytes - before[way].Bytes}); more != want {
			g.t.Errorf("%s, %s, way %d: %+v, want %+v", g.config.Hook, p.name, way, more, want)
		}
	}
}

// TestTraffic: the programs count every row's frames on the interface as the Go twin does: those that they look up, and
// those that go out and were counted where they came in.
func TestTraffic(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	for _, r := range rows {
		for _, p := range g.programs(r.link) {
			t.Run(r.name+"/"+p.name, func(t *testing.T) {
				row, m := g.anew(), newModel(&p)
				for _, f := range r.frames {
					if g.look(&p, f) {
						m.see(r.link, f)
					}
				}
				g.checkTraffic(t, row, p.name == "egress", m)
				g.reset()
				if p.name != "egress" {
					return
				}
				row, m = g.anew(), newModel(&p)
				before := g.causes()
				for _, f := range r.frames {
					if g.forward(&p, f) {
						m.see(r.link, f)
					}
				}
				g.checkTraffic(t, row, true, m)
				if got := g.describe(before); got != "" {
					t.Errorf("the flows have forwarded packets again: %s", got)
				}
			})
		}
	}
}

// forward runs an egress program on a frame that came in by an interface that counts. See look.
func (g *rig) forward(p *program, f []byte) bool {
	g.t.Helper()
	if p.isShort(f) {
		return false
	}
	g.runWith(p.program, &ebpf.RunOptions{Data: f, Context: skbContext(loopback, loopback, 0, 0)})
	return true
}

// checkTraffic wants the model's traffic one way, and none the other way.
func (g *rig) checkTraffic(t *testing.T, row uint32, isSent bool, m *model) {
	t.Helper()
	got, other := g.traffic(row)
	if isSent {
		got, other = other, got
	}
	if got != m.traffic {
		t.Errorf("got  %+v\nwant %+v", got, m.traffic)
	}
	if other != (packet.Traffic{}) {
		t.Errorf("the other way: %+v", other)
	}
}

// TestRandomTraffic does the same with random frames.
func TestRandomTraffic(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 2048, RingBytes: 4 << 20, WakeupBytes: 4 << 20}})
	random := rand.New(rand.NewPCG(10, 10))
	for range 20 {
		for _, link := range []packet.LinkType{ethernet, rawLink} {
			for _, p := range g.programs(link) {
				for _, isForwarded := range []bool{false, true} {
					if isForwarded && p.name != "egress" {
						continue
					}
					row, m := g.anew(), newModel(&p)
					see := g.look
					if isForwarded {
						see = g.forward
					}
					for range 250 {
						if f := randomFrame(random, link); see(&p, f) {
							m.see(link, f)
						}
					}
					g.checkTraffic(t, row, p.name == "egress", m)
					if t.Failed() {
						t.Fatalf("%s, link %d, forwarded %v", p.name, link, isForwarded)
					}
					g.reset()
				}
			}
		}
	}
}

// TestTrafficSegments: super-packets count as their packets on the wire, the largest of which has a segment.
func TestTrafficSegments(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	big4 := ether(0x0800, ip4(6, tcp(make([]byte, 2500))))
	big6 := ether(0x86dd, ip6(6, tcp(make([]byte, 2500))))
	datagrams := ether(0x0800, ip4(17, udp(1000, 53, make([]byte, 2500))))
	tagged := ether(0x8100, tag(5, 0x86dd, ip6(6, tcp(make([]byte, 2500)))))
	for _, r := range []struct {
		name           string
		frame          []byte
		segments, size uint32
		want           packet.Traffic
	}{
		{"three", big4, 3, 1000, packet.Traffic{IPv4: packet.Volume{Packets: 3, Bytes: 2620}, TCP: 3, Largest: 1054}},
		{"of a guest", big4, 0, 1000, packet.Traffic{IPv4: packet.Volume{Packets: 3, Bytes: 2620}, TCP: 3,
			Largest: 1054}},
		{"none", big4, 0, 0, packet.Traffic{IPv4: packet.Volume{Packets: 1, Bytes: 2540}, TCP: 1, Largest: 2554}},
		{"one", big4, 1, 2500, packet.Traffic{IPv4: packet.Volume{Packets: 1, Bytes: 2540}, TCP: 1, Largest: 2554}},
		{"IPv6", big6, 3, 1000, packet.Traffic{IPv6: packet.Volume{Packets: 3, Bytes: 2680}, TCP: 3, Largest: 1074}},
		{"UDP", datagrams, 3, 1000, packet.Traffic{IPv4: packet.Volume{Packets: 3, Bytes: 2584}, UDP: 3,
			Largest: 1042}},
		{"tagged", tagged, 3, 1000, packet.Traffic{IPv6: packet.Volume{Packets: 3, Bytes: 2680}, TCP: 3,
			Largest: 1078}},
	} {
		for name, run := range map[string]struct {
			program *ebpf.Program
			ingress uint32
		}{"ingress": {g.objects.WeirIngress, 0}, "egress": {g.objects.WeirEgress, 0},
			"forwarded": {g.objects.WeirEgress, loopback}} {
			row := g.anew()
			g.runWith(run.program, &ebpf.RunOptions{Data: r.frame, Context: skbContext(run.ingress, loopback,
				r.segments, r.size)})
			received, sent := g.traffic(row)
			if received.Add(&sent); received != r.want {
				t.Errorf("%s, %s:\ngot  %+v\nwant %+v", r.name, name, received, r.want)
			}
			g.reset()
		}
	}
}

// TestTrafficExact: all CPUs count at once, and nothing is lost.
func TestTrafficExact(t *testing.T) {
	const each = 100_000
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	row := g.count(loopback)
	frame := flowFrames(1)[0]
	cpus := uint64(onEachCPU(t, func() error {
		for range each / 1000 {
			for _, run := range []struct {
				p       *ebpf.Program
				ingress uint32
			}{{g.objects.WeirIngress, 0}, {g.objects.WeirEgress, loopback}} {
				o := &ebpf.RunOptions{Data: frame, Repeat: 1000, Context: skbContext(run.ingress, loopback, 0, 0)}
				if _, err := run.p.Run(o); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	received, sent := g.traffic(row)
	// A signal interrupts a test run, which then starts again.
	if n := received.UDP; n < cpus*each || received != (packet.Traffic{UDP: n, Largest: uint64(len(frame)),
		IPv4: packet.Volume{Packets: n, Bytes: n * question}}) {
		t.Errorf("received %+v, want %d packets of %d bytes", received, cpus*each, question)
	}
	if slots := g.slots(); len(slots) != 1 || slots[0].Lower.Packets != received.UDP {
		t.Errorf("the flow has %s, the interface %d packets", g.describe(g.causes()), received.UDP)
	}
	if n := sent.UDP; n < cpus*each || sent.IPv4.Bytes != n*question || sent.Largest != uint64(len(frame)) {
		t.Errorf("sent %+v, want %d packets of %d bytes", sent, cpus*each, question)
	}
	if again, _ := g.traffic(row); again.Largest != 0 || again.UDP != received.UDP {
		t.Errorf("read again: %+v", again)
	}
}

// TestTrafficRows: an interface has a row as long as it is watched, a new one begins at 0, and an interface too many is
// watched without.
func TestTrafficRows(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	row := g.count(loopback)
	if again := g.count(loopback); again != row || g.Row(loopback) != row {
		t.Errorf("watched again: rows %d, %d, %d", row, again, g.Row(loopback))
	}
	g.run(g.objects.WeirIngress, flowFrames(1)[0])
	if received, _ := g.traffic(row); received.UDP != 1 {
		t.Errorf("%+v", received)
	}
	if err := g.NoteIngress(7); err != nil || g.Row(7) != 0 {
		t.Errorf("an upper device has row %d, %v", g.Row(7), err)
	}
	for i := uint32(1); i < maxRows; i++ {
		index := 2 * numLinks * (i & 1) // some are in the hash
		if n := g.count(index + i + 100); n == row {
			t.Fatalf("interface %d has the row of another", i)
		}
	}
	if n, err := g.Count(5000); n != 0 || err != nil {
		t.Errorf("one too many: row %d, %v", n, err)
	}
	for _, index := range []uint32{loopback, 5000, 7, 9999} {
		if err := g.ForgetIngress(index); err != nil {
			t.Error(err)
		}
	}
	g.run(g.objects.WeirIngress, flowFrames(1)[0])
	if received, _ := g.traffic(row); received.UDP != 1 {
		t.Errorf("no longer watched: %+v", received)
	}
	if next := g.count(5000); next != row {
		t.Errorf("the freed row is %d, the next interface's %d", row, next)
	}
	if received, _ := g.traffic(row); received != (packet.Traffic{}) {
		t.Errorf("a new interface begins with %+v", received)
	}
}
