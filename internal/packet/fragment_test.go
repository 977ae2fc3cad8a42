// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

const second = int64(time.Second)

// piece is a fragment of the UDP datagram 5>6 with the given identification.
func piece(id, offset int) *Packet {
	p := new(Packet)
	content := raw("0102030405060708")
	if offset == 0 {
		content = with(udp(5, 6, abc), 4, 4, 0)
	}
	p.Decode(LinkRaw, with(fragment4(ip4(17, content), offset, true), 4, be16(id)...), 0)
	return p
}

func TestFragmentsGetThePortsOfTheFirst(t *testing.T) {
	f := NewFragments(8)
	if !f.Resolve(piece(1, 0), 0) {
		t.Error("a first fragment's ports are not known")
	}
	later := piece(1, 10)
	if !f.Resolve(later, second) || later.SrcPort != 5 || later.DstPort != 6 {
		t.Errorf("ports %d, %d", later.SrcPort, later.DstPort)
	}
	whole := new(Packet)
	whole.Decode(LinkRaw, ip4(17, udp(5, 6)), 0)
	if !f.Resolve(whole, second) {
		t.Error("a packet that is no fragment has unknown ports")
	}
}

func TestFragmentsThatStayWithoutPorts(t *testing.T) {
	first := func() *Fragments {
		f := NewFragments(8)
		f.Resolve(piece(1, 0), 100*second)
		return f
	}
	otherHost := piece(1, 10)
	otherHost.Src = otherHost.Dst
	otherProto := piece(1, 10)
	otherProto.Proto = ProtoTCP
	for _, c := range []struct {
		name  string
		cache *Fragments
		later *Packet
		now   int64
		want  bool
	}{
		{"before its first", NewFragments(8), piece(1, 10), 100 * second, false},
		{"of another identification", first(), piece(2, 10), 100 * second, false},
		{"of another host", first(), otherHost, 100 * second, false},
		{"of another protocol", first(), otherProto, 100 * second, false},
		{"at the end of the lifetime", first(), piece(1, 10), 100*second + FragmentLifetime, true},
		{"after the lifetime", first(), piece(1, 10), 100*second + FragmentLifetime + 1, false},
		{"after time jumped back a little", first(), piece(1, 10), 99 * second, true},
		{"after time jumped back more than a lifetime", first(), piece(1, 10), 100*second - FragmentLifetime - 1,
			false},
	} {
		if got := c.cache.Resolve(c.later, c.now); got != c.want || (c.later.SrcPort == 5) != c.want {
			t.Errorf("%s: resolved %v, port %d", c.name, got, c.later.SrcPort)
		}
	}
}

func TestFirstFragmentWithoutPortsIsNotRemembered(t *testing.T) {
	f := NewFragments(8)
	tiny := new(Packet)
	tiny.Decode(LinkRaw, with(fragment4(ip4(17, udp(5, 6)[:2]), 0, true), 4, be16(1)...), 0)
	f.Resolve(tiny, 0)
	if f.Resolve(piece(1, 1), 0) {
		t.Error("ports from a header that was cut")
	}
}

func TestFragmentsOfIPv6GetTheProtocolOfTheFirst(t *testing.T) {
	f := NewFragments(8)
	var first, later Packet
	first.Decode(LinkRaw, ip6(44, fragment6(60, 0, true, extension(17), with(udp(5, 6, abc), 4, 4, 0))), 0)
	later.Decode(LinkRaw, ip6(44, fragment6(60, 10, false, abc)), 0)
	f.Resolve(&first, 0)
	if !f.Resolve(&later, 0) || later.Proto != ProtoUDP || later.SrcPort != 5 {
		t.Errorf("got %s", describe(&later))
	}
}

func TestFragmentsReplaceTheOldest(t *testing.T) {
	const room = 4
	f := NewFragments(room)
	for id := range room + 1 {
		f.Resolve(piece(id, 0), int64(id))
	}
	if f.Evictions != 1 {
		t.Errorf("%d evictions, want 1", f.Evictions)
	}
	for id := range room + 1 {
		if got, want := f.Resolve(piece(id, 1), room), id != 0; got != want {
			t.Errorf("datagram %d: known %v", id, got)
		}
	}
	// An expired entry makes room without being counted.
	for id := range room {
		f.Resolve(piece(100+id, 0), 100*second)
	}
	if f.Evictions != 1 {
		t.Errorf("%d evictions after the lifetime, want 1", f.Evictions)
	}
	// A first fragment seen again takes no new entry.
	for range 3 * room {
		f.Resolve(piece(100, 0), 100*second)
	}
	if f.Evictions != 1 {
		t.Errorf("%d evictions by a repeated datagram, want 1", f.Evictions)
	}
}

// TestFragmentsLikeAMap compares the cache with a plain map and list of the same size.
func TestFragmentsLikeAMap(t *testing.T) {
	const room = 7
	f := NewFragments(room)
	ports := map[int]uint16{}
	var order []int
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		id := random.IntN(20)
		if random.IntN(2) == 0 {
			p := piece(id, 0)
			p.SrcPort = uint16(random.Uint32())
			f.Resolve(p, 0)
			if _, known := ports[id]; !known {
				if order = append(order, id); len(order) > room {
					delete(ports, order[0])
					order = order[1:]
				}
			}
			ports[id] = p.SrcPort
			continue
		}
		p := piece(id, 1)
		want, known := ports[id]
		if got := f.Resolve(p, 0); got != known || p.SrcPort != want {
			t.Fatalf("datagram %d: known %v, port %d; want %v, %d", id, got, p.SrcPort, known, want)
		}
	}
}

func TestFragmentsWithoutRoom(t *testing.T) {
	f := NewFragments(0)
	f.Resolve(piece(1, 0), 0)
	if !f.Resolve(piece(1, 1), 0) {
		t.Error("room for none")
	}
}

func BenchmarkFragments(b *testing.B) {
	f := NewFragments(4096)
	first, later := *piece(1, 0), *piece(1, 10)
	b.ReportAllocs()
	var id uint32
	for b.Loop() {
		id++
		first.FragmentID, later.FragmentID = id, id
		f.Resolve(&first, 0)
		f.Resolve(&later, 0)
	}
}

func TestFragmentEntrySize(t *testing.T) {
	// The doc of Fragments states the memory per datagram: an entry and at most two chain heads.
	if got := unsafe.Sizeof(fragmentEntry{}) + 2*4; got > 80 {
		t.Errorf("%d bytes for a datagram", got)
	}
}
