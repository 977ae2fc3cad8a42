// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// The gateway of these tests: its LAN is 192.168.1.0/24, and it masquerades as 203.0.113.1.
const (
	host, gateway, server = "192.168.1.20:51324", "203.0.113.1:40112", "198.51.100.7:443"
)

// bench is a Chain with its output.
type bench struct {
	*Chain
	table *conntrack.Table
	emit  func(*record.Flow) error
	out   []string
	ids   [][32]byte
}

func newBench() *bench { return newBenchOf(conntrack.NewTable(4096)) }

func newBenchOf(table *conntrack.Table) *bench {
	b := &bench{table: table}
	b.emit = func(r *record.Flow) error {
		b.out, b.ids = append(b.out, text(r)), append(b.ids, r.ID)
		return nil
	}
	b.Chain = New(b.table, func(r *record.Flow) error { return b.emit(r) })
	b.SetNetwork(topology.NewNetwork(topology.Sides{Networks: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}},
		nil, nil, [2][]topology.Rule{}))
	return b
}

// text returns the parts of a record that these tests compare.
func text(r *record.Flow) string {
	s := fmt.Sprintf("%s %s %v (%s) %d/%d -> %v (%s) %d/%d", r.State, r.Direction, r.Client.Addr, r.Client.Side,
		r.Client.Packets, r.Client.Bytes,
		r.Server.Addr, r.Server.Side, r.Server.Packets, r.Server.Bytes)
	if r.NAT.Kind != record.NATNone {
		s += fmt.Sprintf(" %s %v %v", r.NAT.Kind, r.NAT.Client, r.NAT.Server)
	}
	if len(r.Hostname) > 0 {
		s += " " + string(r.Hostname)
	}
	return s
}

func tuple(src, dst string, proto uint8) conntrack.Tuple {
	return conntrack.Tuple{Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst), Proto: proto}
}

// masqueraded returns the connection of the host to the server.
func masqueraded(proto uint8) *conntrack.Connection {
	return &conntrack.Connection{
		Original: tuple(host, server, proto), Reply: tuple(server, gateway, proto), ID: 9,
		Status: conntrack.SeenReply | conntrack.SourceNAT,
	}
}

// flowOf returns a record, with packets of 100 bytes.
func flowOf(client, server string, sent, answered uint64, state record.State) *record.Flow {
	now := time.Now().UnixNano()
	return &record.Flow{
		Client: record.Endpoint{Addr: netip.MustParseAddrPort(client), Packets: sent, Bytes: 100 * sent},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort(server), Packets: answered, Bytes: 100 * answered},
		State:  state, Proto: packet.ProtoTCP, FirstSeen: now, LastSeen: now,
	}
}

func (b *bench) put(t *testing.T, records ...*record.Flow) {
	t.Helper()
	for _, r := range records {
		if err := b.Flow(r, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bench) want(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(b.out, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	b.out = nil
}

const whole = "192.168.1.20:51324 (lan) 3/300 -> 198.51.100.7:443 (wan) 5/500 snat 203.0.113.1:40112 198.51.100.7:443"

func TestWhole(t *testing.T) {
	b := newBench()
	b.table.Put(masqueraded(packet.ProtoTCP))
	for _, r := range []*record.Flow{
		// the second record's client is a guess
		flowOf(host, server, 3, 5, record.StateEnd), flowOf(server, host, 5, 3, record.StateEnd),
		flowOf(gateway, server, 3, 5, record.StateEnd), flowOf(server, gateway, 5, 3, record.StateEnd),
	} {
		b.put(t, r)
		b.want(t, "end outbound "+whole)
	}
}

func TestUntracked(t *testing.T) {
	b := newBench()
	b.put(t, flowOf("192.168.1.20:1", "192.168.1.21:2", 1, 1, record.StateEnd), flowOf("9.9.9.9:1", "192.168.1.21:2", 1,
		0, record.StateEnd), flowOf("9.9.9.9:1", "8.8.8.8:2", 1, 1, record.StateEnd))
	b.want(t, "end internal 192.168.1.20:1 (lan) 1/100 -> 192.168.1.21:2 (lan) 1/100",
		"end inbound 9.9.9.9:1 (wan) 1/100 -> 192.168.1.21:2 (lan) 0/0",
		"end transit 9.9.9.9:1 (wan) 1/100 -> 8.8.8.8:2 (wan) 1/100")
	none := New(nil, func(r *record.Flow) error { b.out = append(b.out, text(r)); return nil })
	if err := none.Flow(flowOf(host, server, 1, 1, record.StateEnd), time.Now()); err != nil {
		t.Fatal(err)
	}
	b.want(t, "end unknown 192.168.1.20:51324 () 1/100 -> 198.51.100.7:443 () 1/100")
}

func TestLegs(t *testing.T) {
	for _, order := range []string{"lan first", "wan first"} {
		b := newBench()
		b.table.Put(masqueraded(packet.ProtoTCP))
		lan, wan := flowOf(host, server, 3, 0, record.StateEnd), flowOf(server, gateway, 5, 0, record.StateEnd)
		lan.Hostname = []byte("www.example.com")
		id, community := *lan, *lan
		setID(&community)
		id.ID = community.ID
		records := []*record.Flow{lan, wan}
		if order == "wan first" {
			records = []*record.Flow{wan, lan}
		}
		b.put(t, records[0])
		b.want(t)
		b.put(t, records[1])
		b.want(t, "end outbound "+whole+" www.example.com")
	}
}

// TestLegsLive: records of live flows are sums too, and the end follows both flows' ends.
func TestLegsLive(t *testing.T) {
	b := newBench()
	b.table.Put(masqueraded(packet.ProtoTCP))
	b.put(t, flowOf(host, server, 1, 0, record.StateNew), flowOf(server, gateway, 2, 0, record.StateNew),
		flowOf(host, server, 3, 0, record.StateUpdate), flowOf(host, server, 3, 0, record.StateEnd),
		flowOf(server, gateway, 5, 0, record.StateEnd))
	const client, end = "192.168.1.20:51324 (lan) ", " snat 203.0.113.1:40112 198.51.100.7:443"
	b.want(t, "new outbound "+client+"1/100 -> 198.51.100.7:443 (wan) 0/0"+end, "update outbound "+client+
		"1/100 -> 198.51.100.7:443 (wan) 2/200"+end,
		"update outbound "+client+"3/300 -> 198.51.100.7:443 (wan) 2/200"+end, "update outbound "+client+
			"3/300 -> 198.51.100.7:443 (wan) 2/200"+end,
		"end outbound "+whole)
}

// TestLegPauses: one record has all packets of a leg that falls silent and goes on, while the other leg goes on.
func TestLegPauses(t *testing.T) {
	b := newBench()
	b.table.Put(masqueraded(packet.ProtoTCP))
	b.put(t, flowOf(host, server, 1, 0, record.StateEnd), flowOf(host, server, 2, 0, record.StateEnd))
	b.want(t)
	b.put(t, flowOf(server, gateway, 5, 0, record.StateEnd))
	b.want(t, "end outbound "+whole)
}

// TestNoLegAfterAll: a flow of which the first record showed only one direction is no leg, and nothing waits for
// another.
func TestNoLegAfterAll(t *testing.T) {
	b := newBench()
	b.table.Put(masqueraded(packet.ProtoTCP))
	b.put(t, flowOf(host, server, 1, 0, record.StateNew), flowOf(host, server, 3, 5, record.StateUpdate),
		flowOf(host, server, 3, 5, record.StateEnd))
	b.want(t, "new outbound 192.168.1.20:51324 (lan) 1/100 -> 198.51.100.7:443 (wan) 0/0 snat 203.0.113.1:40112 "+
		"198.51.100.7:443",
		"update outbound "+whole, "end outbound "+whole)
	if err := b.Close(time.Now()); err != nil || len(b.natLegs.pairs) > 0 {
		t.Errorf("%v, %d wait", err, len(b.natLegs.pairs))
	}
	b.want(t)
	b.put(t, flowOf(host, server, 1, 0, record.StateUpdate)) // its flow still lives when weir ends
	b.out = nil
	if err := b.Close(time.Now()); err != nil {
		t.Fatal(err)
	}
	b.want(t)
}

// TestManyJoined: joined legs leave nothing behind.
func TestManyJoined(t *testing.T) {
	b := newBench()
	b.table.Put(masqueraded(packet.ProtoTCP))
	for range 3 * maxPairs {
		b.put(t, flowOf(host, server, 3, 0, record.StateEnd), flowOf(server, gateway, 5, 0, record.StateEnd))
	}
	if len(b.out) != 3*maxPairs || len(b.natLegs.pairs) > 0 || len(b.natLegs.oneLeg.entries) > 2*maxPairs {
		t.Errorf("%d records, %d wait, %d in the queue", len(b.out), len(b.natLegs.pairs),
			len(b.natLegs.oneLeg.entries))
	}
}

// TestLegWait: a leg's wait grows with the idle times.
func TestLegWait(t *testing.T) {
	for idle, waits := range map[time.Duration]bool{time.Minute: false, 10 * time.Minute: true} {
		b := newBench()
		b.SetIdle(10*time.Minute, idle)
		b.table.Put(masqueraded(packet.ProtoTCP))
		b.put(t, flowOf(host, server, 3, 0, record.StateEnd))
		if err := b.Tick(time.Now().Add(2 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		if (len(b.out) == 0) != waits {
			t.Errorf("idle for %v: after two minutes %q", idle, b.out)
		}
	}
}

func TestGiveUp(t *testing.T) {
	b := newBench()
	b.table.Put(masqueraded(packet.ProtoTCP))
	b.put(t, flowOf(host, server, 3, 0, record.StateEnd))
	if err := b.Tick(time.Now().Add(b.natLegs.wait / 2)); err != nil {
		t.Fatal(err)
	}
	b.want(t)
	if err := b.Tick(time.Now().Add(b.natLegs.wait + time.Second)); err != nil {
		t.Fatal(err)
	}
	const half = "end outbound 192.168.1.20:51324 (lan) 3/300 -> 198.51.100.7:443 (wan) 0/0 snat 203.0.113.1:40112 " +
		"198.51.100.7:443"
	b.want(t, half)
	b.put(t, flowOf(host, server, 3, 0, record.StateEnd))
	if err := b.Close(time.Now()); err != nil {
		t.Fatal(err)
	}
	b.want(t, half)
	if len(b.natLegs.pairs) > 0 || b.natLegs.oneLeg.n > 0 {
		t.Errorf("%d wait, %d in the queue", len(b.natLegs.pairs), b.natLegs.oneLeg.n)
	}
}

// TestManyWait: waiting legs are bounded, and no count is lost.
func TestManyWait(t *testing.T) {
	b := newBenchOf(conntrack.NewTable(2 * maxPairs))
	const n = maxPairs + 100
	for i := range n {
		c := masqueraded(packet.ProtoTCP)
		c.Original.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(i)}), uint16(1024+i/256))
		c.Reply.Dst = netip.AddrPortFrom(c.Reply.Dst.Addr(), uint16(1024+i))
		b.table.Put(c)
		b.put(t, flowOf(c.Original.Src.String(), server, 3, 0, record.StateEnd))
	}
	if len(b.natLegs.pairs) != maxPairs || len(b.out) != n-maxPairs {
		t.Errorf("%d wait, %d were passed on", len(b.natLegs.pairs), len(b.out))
	}
	if err := b.Close(time.Now()); err != nil || len(b.out) != n {
		t.Errorf("%v, %d were passed on of %d", err, len(b.out), n)
	}
}

// TestOthersConnection: a connection that ended before a flow began, or began after it ended, is another one.
func TestOthersConnection(t *testing.T) {
	b := newBench()
	b.table.Put(masqueraded(packet.ProtoTCP))
	r := flowOf(gateway, server, 3, 5, record.StateEnd)
	r.FirstSeen -= int64(time.Hour)
	r.LastSeen -= int64(time.Minute)
	b.put(t, r)
	b.want(t, "end transit 203.0.113.1:40112 (wan) 3/300 -> 198.51.100.7:443 (wan) 5/500")
}

func TestOutputFails(t *testing.T) {
	b := newBench()
	full := errors.New("disk full")
	b.emit = func(*record.Flow) error { return full }
	b.table.Put(masqueraded(packet.ProtoTCP))
	if err := b.Flow(flowOf(host, server, 3, 0, record.StateEnd), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(time.Now()); !errors.Is(err, full) {
		t.Error(err)
	}
}

// TestPing: two hosts ping a third with one identifier, which the gateway changes for the second. The stage joins the
// legs of each, with the host's identifier.
func TestPing(t *testing.T) {
	b := newBench()
	ping := func(from, gateway string, id uint32) *conntrack.Connection {
		c := masqueraded(packet.ProtoICMP)
		c.ID = id
		c.Original, c.Reply = tuple(from, "198.51.100.7:2048", packet.ProtoICMP), tuple("198.51.100.7:2048", gateway,
			packet.ProtoICMP)
		return c
	}
	icmp := func(client string, id uint16, requests, answers uint64) *record.Flow {
		r := flowOf(client+":0", "198.51.100.7:0", requests, answers, record.StateEnd)
		r.Proto, r.ICMPType, r.ICMPID = packet.ProtoICMP, 8, id
		return r
	}
	b.table.Put(ping("192.168.1.20:5", "203.0.113.1:5", 1))
	b.table.Put(ping("192.168.1.21:5", "203.0.113.1:6", 2))
	b.put(t, icmp("192.168.1.20", 5, 3, 0), icmp("192.168.1.21", 5, 4, 0), icmp("203.0.113.1", 6, 0, 4),
		icmp("203.0.113.1", 5, 0, 3))
	const nat = " snat 203.0.113.1:0 198.51.100.7:0"
	b.want(t, "end outbound 192.168.1.21:0 (lan) 4/400 -> 198.51.100.7:0 (wan) 4/400"+nat,
		"end outbound 192.168.1.20:0 (lan) 3/300 -> 198.51.100.7:0 (wan) 3/300"+nat)
	if b.ids[0] == b.ids[1] {
		t.Error("two pings have one id")
	}
	b.put(t, icmp("203.0.113.1", 6, 2, 2)) // seen outside only
	b.want(t, "end outbound 192.168.1.21:0 (lan) 2/200 -> 198.51.100.7:0 (wan) 2/200"+nat)
}

// TestClockStep: a clock step during a flow leaves its id unchanged, in every stage.
func TestClockStep(t *testing.T) {
	const step = int64(time.Hour)
	for _, c := range []struct {
		name           string
		client, server string
		sent, answered uint64
		later          [2]uint64
	}{
		{"the client's own address", host, server, 3, 5, [2]uint64{4, 6}},
		{"the gateway's address", gateway, server, 3, 5, [2]uint64{4, 6}},
		{"a leg", host, server, 3, 0, [2]uint64{4, 0}},
		{"the other leg", gateway, server, 0, 3, [2]uint64{0, 4}},
		{"a leg, and then both ways", gateway, server, 3, 0, [2]uint64{4, 6}},
	} {
		b := newBench()
		b.table.Put(masqueraded(packet.ProtoTCP))
		first := flowOf(c.client, c.server, c.sent, c.answered, record.StateNew)
		setID(first)
		again := flowOf(c.client, c.server, c.later[0], c.later[1], record.StateUpdate)
		again.ID = first.ID
		again.FirstSeen, again.LastSeen, again.Step = first.FirstSeen+step, first.LastSeen+step, step
		// The connection existed at both times.
		b.put(t, first)
		if err := b.Flow(again, time.Now()); err != nil {
			t.Fatal(err)
		}
		if len(b.ids) != 2 || b.ids[0] != b.ids[1] {
			t.Errorf("%s: ids %s", c.name, b.ids)
		}
	}
}
