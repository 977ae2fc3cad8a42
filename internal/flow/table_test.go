// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/weirnet/weir/internal/packet"
)

const second = int64(time.Second)

// key returns the key of a TCP packet from 192.0.2.n, port, to 198.51.100.1:443.
func key(n uint32, port uint16) Key {
	k, _ := NewKey(tcpPacket(n, port), 0)
	return k
}

func tcpPacket(n uint32, port uint16) *packet.Packet {
	return &packet.Packet{
		IPVersion: 4, Proto: packet.ProtoTCP, SrcPort: port, DstPort: 443,
		Src: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), Dst: netip.MustParseAddr(
			"198.51.100.1"),
	}
}

// ends counts the flows that left a table.
type ends map[Reason]int

func (e ends) table(config Config) *Table[int] {
	return NewTable(config, func(_ Index, _ *Flow, _ *int, why Reason) { e[why]++ })
}

func mustGet(t testing.TB, table *Table[int], k Key, now int64) Index {
	t.Helper()
	if now/tick != table.wheel.now {
		table.Advance(now)
	}
	i, _, ok := table.Get(&k, now)
	if !ok {
		t.Fatal("no place in the table")
	}
	return i
}

func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Flow{}); n > 64 {
		t.Errorf("the hot part of a flow has %d bytes, want at most 64", n)
	}
	if n := unsafe.Sizeof(Key{}); n != 40 {
		t.Errorf("a key has %d bytes, want 40", n)
	}
}

func TestKeyIsTheSameInBothDirections(t *testing.T) {
	p := tcpPacket(1, 50000)
	k, fromLower := NewKey(p, 0)
	p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	back, backFromLower := NewKey(p, 0)
	if k != back || fromLower == backFromLower {
		t.Errorf("key %v and %v, from lower %v and %v", k, back, fromLower, backFromLower)
	}
	if k.Lower() != netip.MustParseAddrPort("10.0.0.1:50000") || k.Upper() != netip.MustParseAddrPort(
		"198.51.100.1:443") {
		t.Errorf("ends %v and %v", k.Lower(), k.Upper())
	}
	p6 := &packet.Packet{IPVersion: 6, Proto: packet.ProtoUDP, SrcPort: 53, DstPort: 53, Src: netip.MustParseAddr(
		"2001:db8::2"), Dst: netip.MustParseAddr("2001:db8::1")}
	k6, fromLower := NewKey(p6, 0)
	if fromLower || k6.Lower() != netip.MustParseAddrPort("[2001:db8::1]:53") || k6.Version() != 6 {
		t.Errorf("IPv6: %v, from lower %v", k6.Lower(), fromLower)
	}
}

// The identifiers are those of the specification's baseline (corelight/community-id-spec,
// baseline/baseline_deflt.json), and for ICMP in both orders those of tshark 4.0.
func TestCommunityID(t *testing.T) {
	for _, c := range []struct {
		name               string
		proto              uint8
		src, dst           string
		srcPort, dstPort   uint16
		icmpType, icmpCode uint8
		want               string
	}{
		{"TCP", packet.ProtoTCP, "128.232.110.120", "66.35.250.204", 34855, 80, 0, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"TCP backwards", packet.ProtoTCP, "66.35.250.204", "128.232.110.120", 80, 34855, 0, 0,
			"1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"UDP", packet.ProtoUDP, "192.168.1.52", "8.8.8.8", 54585, 53, 0, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{"ICMP echo", packet.ProtoICMP, "192.168.0.89", "192.168.0.1", 0, 0, 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{"ICMP echo reply", packet.ProtoICMP, "192.168.0.1", "192.168.0.89", 0, 0, 0, 0,
			"1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, fromLower := NewKey(&packet.Packet{IPVersion: 4, Proto: c.proto, SrcPort: c.srcPort, DstPort: c.dstPort,
				Src: netip.MustParseAddr(c.src), Dst: netip.MustParseAddr(c.dst)}, 0)
			if got := string(k.AppendCommunityID(nil, c.icmpType, c.icmpCode, fromLower)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestNetworks: equal addresses and ports in different VLANs, stacks of VLANs, or tunnelled networks make different
// flows.
func TestNetworks(t *testing.T) {
	seen := map[Key]string{}
	for _, c := range []struct {
		name    string
		vlans   []uint16
		network uint32
	}{
		{"none", nil, 0}, {"VLAN 10", []uint16{10}, 0}, {"VLAN 11", []uint16{11}, 0},
		{"QinQ 1, 10", []uint16{1, 10}, 0}, {"QinQ 2, 10", []uint16{2, 10}, 0}, {"QinQ 10, 1", []uint16{10, 1}, 0},
		{"VNI 1", nil, 1}, {"VNI 2", nil, 2}, {"VNI 65536", nil, 65536},
	} {
		p := tcpPacket(1, 2)
		p.NVLAN = uint8(copy(p.VLANs[:], c.vlans))
		k, _ := NewKey(p, c.network)
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s have the same key", c.name, other)
		}
		seen[k] = c.name
	}
}

// TestAgainstMap compares the table with a plain map under random work, ends included.
func TestAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var table *Table[int]
	twin := map[Key]int{}
	table = NewTable(Config{MaxFlows: 1 << 20}, func(i Index, _ *Flow, d *int, _ Reason) {
		k := *table.Key(i)
		if twin[k] != *d {
			t.Fatalf("flow %v ends with detail %d, want %d", k, *d, twin[k])
		}
		delete(twin, k)
	})
	now := int64(1e18)
	for step := range 300_000 {
		k := key(random.Uint32N(5000), uint16(random.Uint32N(3)))
		i := mustGet(t, table, k, now)
		*table.Detail(i)++
		twin[k]++
		table.Flow(i).Last = now
		if random.Uint32N(10) == 0 {
			table.End(i, Closed)
		}
		if random.Uint32N(1000) == 0 {
			now += int64(random.Uint32N(90)) * second
		}
		if table.Len() != len(twin) {
			t.Fatalf("step %d: %d flows, want %d", step, table.Len(), len(twin))
		}
	}
	table.Each(func(i Index) { table.End(i, Shutdown) })
	if len(twin) != 0 || table.Len() != 0 {
		t.Errorf("%d flows were left", len(twin))
	}
}

func TestExpiry(t *testing.T) {
	const start = int64(1.7e18)
	for _, c := range []struct {
		name  string
		state State
		dead  int64 // seconds of silence until the end
	}{
		{"one-way", OneWay, 60},
		{"answered TCP", Answered, 300},
		{"ended", Ended, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := ends{}
			table := e.table(Config{})
			i := mustGet(t, table, key(1, 1), start)
			table.Flow(i).State = c.state
			table.Hasten(i)
			table.Advance(start + (c.dead-1)*second)
			if table.Len() != 1 {
				t.Fatal("gone too early")
			}
			table.Advance(start + (c.dead+2)*second)
			if table.Len() != 0 {
				t.Error("still there")
			}
		})
	}
}

func TestBusyFlowLives(t *testing.T) {
	e := ends{}
	table := e.table(Config{})
	now := int64(1.7e18)
	i := mustGet(t, table, key(1, 1), now)
	for range 2000 {
		now += 7 * second
		table.Advance(now)
		table.Flow(i).Last = now
	}
	if table.Len() != 1 || len(e) != 0 {
		t.Errorf("%d flows, ends %v", table.Len(), e)
	}
}

// TestTimeJumps moves the clock forward by centuries and back: nothing is lost, nothing loops, and flows still expire.
func TestTimeJumps(t *testing.T) {
	e := ends{}
	table := e.table(Config{})
	now := int64(1.7e18)
	started := time.Now()
	for n, jump := range []int64{0, 1, -1, 3600, -7200, 86400 * 365 * 200, -86400 * 365 * 250, 86400 * 365 * 40, -5,
		5} {
		now += jump * second
		mustGet(t, table, key(uint32(n), 1), now)
	}
	if spent := time.Since(started); spent > time.Second {
		t.Errorf("the jumps took %v", spent)
	}
	seen := table.Len() + e[Idle]
	if seen != 10 {
		t.Errorf("%d flows are there or ended, want 10", seen)
	}
	table.Advance(now + 1000*second)
	if table.Len() != 0 {
		t.Errorf("%d flows never expire", table.Len())
	}
}

// TestFullTableKeepsAnsweredFlows is a SYN flood on a full table (reliability B1): the table keeps every answered flow,
// evicts the one-way ones, the oldest first, and counts all.
func TestFullTableKeepsAnsweredFlows(t *testing.T) {
	const limit, answered, flood = 4096, 1000, 1_000_000
	e := ends{}
	table := e.table(Config{MaxFlows: limit})
	now := int64(1.7e18)
	kept := make([]Key, answered)
	for n := range kept {
		kept[n] = key(uint32(n), 1)
		table.Flow(mustGet(t, table, kept[n], now)).State = Answered
	}
	for n := range flood {
		k := key(uint32(n), 2)
		if _, _, ok := table.Get(&k, now+int64(n)*1000); !ok {
			t.Fatal("a new flow was refused although one-way flows were evictable")
		}
	}
	for n := range kept {
		if _, _, ok := table.find(&kept[n]); !ok {
			t.Fatalf("answered flow %d is gone", n)
		}
	}
	if want := flood - (limit - answered); e[Evicted] != want || table.Counters.Evicted != uint64(want) {
		t.Errorf("%d evicted, %d counted, want %d", e[Evicted], table.Counters.Evicted, want)
	}
	if n := len(table.oneWay.items); n > 4*limit {
		t.Errorf("the queue of one-way flows grew to %d", n)
	}
}

func TestEndedFlowsAreEvictedFirst(t *testing.T) {
	e := ends{}
	table := e.table(Config{MaxFlows: 3})
	now := int64(1.7e18)
	mustGet(t, table, key(1, 1), now)
	for n := range uint32(2) {
		i := mustGet(t, table, key(2+n, 1), now)
		table.Flow(i).State, table.Flow(i).EndReason = Ended, Closed
		table.Hasten(i)
	}
	for n := range uint32(2) {
		mustGet(t, table, key(10+n, 1), now)
	}
	if e[Evicted] != 2 {
		t.Errorf("ends: %v, want 2 evicted", e)
	}
	oldest := key(1, 1)
	if _, _, ok := table.find(&oldest); !ok {
		t.Error("the table evicted a live flow before an ended one")
	}
}

func TestTableFullOfBusyFlowsRefuses(t *testing.T) {
	e := ends{}
	table := e.table(Config{MaxFlows: 8})
	now := int64(1.7e18)
	for n := range uint32(8) {
		table.Flow(mustGet(t, table, key(n, 1), now)).State = Answered
	}
	k := key(99, 1)
	if _, _, ok := table.Get(&k, now+second); ok || table.Counters.Refused != 1 {
		t.Errorf("taken: %v, refused: %d", ok, table.Counters.Refused)
	}
	if _, _, ok := table.Get(&k, now+90*second); !ok { // by now the others are silent
		t.Error("refused though an answered flow had long been silent")
	}
}

func TestNoAllocations(t *testing.T) {
	e := ends{}
	table := e.table(Config{})
	now := int64(1.7e18)
	k := key(1, 1)
	mustGet(t, table, k, now)
	if n := testing.AllocsPerRun(1000, func() { table.Get(&k, now) }); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
	for n := range uint32(5000) { // grow to working size
		mustGet(t, table, key(n, 2), now)
	}
	table.Advance(now + 100*second)
	if n := testing.AllocsPerRun(1000, func() {
		k[4] += 1 << 48
		i, _, _ := table.Get(&k, now+100*second)
		table.End(i, Closed)
	}); n > 0 {
		t.Errorf("making and ending a flow allocates %v times", n)
	}
}

// TestCollisions: nobody outside can choose keys that collide (reliability B3): every table has a new seed, so tuples
// that share one table's chains do not share another's.
func TestCollisions(t *testing.T) {
	first, second := NewTable(Config{}, func(Index, *Flow, *int, Reason) {}),
		NewTable(Config{}, func(Index, *Flow, *int, Reason) {})
	same := 0
	for n := range uint32(1000) {
		k := key(n, 1)
		_, a, _ := first.find(&k)
		_, b, _ := second.find(&k)
		if a == b {
			same++
		}
	}
	if same != 0 {
		t.Errorf("%d of 1000 keys have the same hash in two tables", same)
	}
}

// TestHashSpreads: keys as networks have them (counting addresses, counting ports, both) spread evenly over all slots.
// The figure is chi squared over 1,024 slots of the low bits and of the high ones; 1,023 is expected, 1,250 is five
// deviations above.
func TestHashSpreads(t *testing.T) {
	const slots, keys = 1024, 1 << 17
	for name, make := range map[string]func(n uint32) Key{
		"addresses": func(n uint32) Key { return key(n, 40000) },
		"ports":     func(n uint32) Key { return key(n>>16, uint16(n)) },
		"both":      func(n uint32) Key { return key(n&255, uint16(n>>8)) },
		"far ports": func(n uint32) Key { return key(n&1023<<12, uint16(n>>10)<<8) },
	} {
		s := newSecret()
		var low, high [slots]float64
		for n := range uint32(keys) {
			k := make(n)
			h := s.hash(&k)
			low[h%slots]++
			high[h>>54]++
		}
		for part, counts := range map[string]*[slots]float64{"low": &low, "high": &high} {
			chi := 0.0
			for _, c := range counts {
				const expected = keys / slots
				chi += (c - expected) * (c - expected) / expected
			}
			if chi > 1250 {
				t.Errorf("%s, %s bits: chi squared is %.0f", name, part, chi)
			}
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, flows := range []int{1, 65536, 1 << 20} {
		b.Run(sizeName(flows), func(b *testing.B) {
			table := NewTable(Config{MaxFlows: flows}, func(Index, *Flow, *int, Reason) {})
			keys := make([]Key, flows)
			for n := range keys {
				keys[n] = key(uint32(n), uint16(n>>24))
				table.Get(&keys[n], 0)
			}
			rand.New(rand.NewPCG(3, 4)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				table.Get(&keys[n], 0)
				if n++; n == flows {
					n = 0
				}
			}
		})
	}
}

func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return "1M"
	case n >= 1<<16:
		return "64k"
	}
	return "1"
}
