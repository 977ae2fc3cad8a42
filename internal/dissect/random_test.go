// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// TestRandomBytesAreNotNamed plays conversations of random bytes, as encrypted ones look: at random ports, and at every port
// that some dissector is tried at. A name for one of them is a false one.
func TestRandomBytesAreNotNamed(t *testing.T) {
	rounds := 1_000_000
	if testing.Short() || raceEnabled {
		rounds = 50_000
	}
	random := rand.New(rand.NewPCG(10, 11))
	pool := NewPool()
	ports := [2][]uint16{}
	for key := range testTable.byPort {
		if key.over == TCP || key.over == UDP {
			ports[transportIndex(key.over)] = append(ports[transportIndex(key.over)], key.port)
		}
	}
	slices.Sort(ports[0])
	slices.Sort(ports[1])
	named := map[string]int{}
	var buffer [4][600]byte
	for round := range rounds {
		over := Transport(TCP << (round & 1))
		port := uint16(random.Uint32())
		if list := ports[transportIndex(over)]; round&2 == 0 {
			port = list[random.IntN(len(list))]
		}
		flow := Flow{Transport: over, Midstream: round&4 == 0, Client: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(random.Uint32())|1024),
			Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), port)}
		s := pool.Get()
		seq := [2]uint32{100, 200}
		for i := range buffer {
			payload := buffer[i][:1+random.IntN(len(buffer[i]))]
			if round&8 == 0 {
				payload = payload[:1+random.IntN(min(len(payload), 80))]
			}
			for j := 0; j < len(payload); j += 8 {
				r := random.Uint64()
				for k := j; k < min(j+8, len(payload)); k++ {
					payload[k] = byte(r)
					r >>= 8
				}
			}
			way := i & 1
			o, r := s.Feed(testTable, pool, &flow, &Segment{Payload: payload, Length: len(payload), Seq: seq[way], FromClient: way == 0, Last: i == len(buffer)-1})
			seq[way] += uint32(len(payload))
			if r != nil {
				named[r.Protocol()]++
			}
			if o == Decided || o == Failed {
				break
			}
		}
		pool.Put(s)
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(named)) {
		t.Logf("%s: %d", name, named[name])
		total += named[name]
	}
	if most := rounds / 250_000; total > most { // the rule is fewer than one in a million for each protocol
		t.Errorf("%d of %d conversations of random bytes were named, want at most %d", total, rounds, most)
	}
}
