// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/dissecttest"
)

// noises fill a payload with bytes that no dissector should recognise.
var noises = []struct {
	name string
	// perMillion is how many conversations of a million all dissectors together may name.
	perMillion int
	fill       func(random *rand.Rand, b []byte)
}{
	// As ciphertext looks.
	{"random", 4, func(random *rand.Rand, b []byte) {
		for i := 0; i < len(b); i += 8 {
			r := random.Uint64()
			for j := i; j < min(i+8, len(b)); j++ {
				b[j] = byte(r)
				r >>= 8
			}
		}
	}},
	// As binary protocols look: most bytes are zero, many others small.
	{"sparse", 40, func(random *rand.Rand, b []byte) {
		for i := range b {
			switch r := random.Uint32(); {
			case r&7 < 4:
				b[i] = 0
			case r&7 < 6:
				b[i] = byte(r >> 8 & 15)
			default:
				b[i] = byte(r >> 8)
			}
		}
	}},
	// As text protocols look.
	{"text", 4, func(random *rand.Rand, b []byte) {
		const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./:-_{}<>=\"\r\n"
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
	}},
}

// TestNoiseIsNotNamed plays conversations of noise at random ports, and at every port of a dissector. Any name for one
// of them is false.
func TestNoiseIsNotNamed(t *testing.T) {
	rounds := 500_000
	if testing.Short() || dissecttest.RaceEnabled {
		rounds = 50_000
	}
	for _, noise := range noises {
		t.Run(noise.name, func(t *testing.T) {
			named := playNoise(noise.fill, rounds)
			total := 0
			for _, name := range slices.Sorted(maps.Keys(named)) {
				t.Logf("%s: %d", name, named[name])
				total += named[name]
			}
			if most := max(1, noise.perMillion*rounds/1_000_000); total > most {
				t.Errorf("%d of %d conversations of noise were named, want at most %d", total, rounds, most)
			}
		})
	}
}

// playNoise counts the named conversations.
func playNoise(fill func(*rand.Rand, []byte), rounds int) map[string]int {
	random := rand.New(rand.NewPCG(10, 11))
	pool := dissect.NewPool()
	ports := [2][]uint16{portsOver(dissect.TCP), portsOver(dissect.UDP)}
	named := map[string]int{}
	var buffer [8][600]byte
	for round := range rounds {
		over := dissect.Transport(dissect.TCP << (round & 1))
		port := uint16(random.Uint32())
		if list := ports[round&1]; round&2 == 0 {
			port = list[random.IntN(len(list))]
		}
		flow := dissect.Flow{
			Transport: over, Midstream: round&4 == 0,
			Client: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(random.Uint32())|1024),
			Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), port),
		}
		s := pool.Get()
		seq, name := [2]uint32{100, 200}, ""
		messages := 4
		if over == dissect.UDP {
			messages = len(buffer) // each is a new chance
		}
		alternate := round&16 == 0 // else the sides speak in random order
		for i := range messages {
			payload := buffer[i][:1+random.IntN(len(buffer[i]))]
			if round&8 == 0 {
				payload = payload[:1+random.IntN(min(len(payload), 80))]
			}
			fill(random, payload)
			way := i & 1
			if !alternate && i > 0 {
				way = int(random.Uint32() & 1)
			}
			o, r := s.Feed(testTable, pool, &flow, &dissect.Segment{
				Payload: payload, Length: len(payload), Seq: seq[way], FromClient: way == 0, Last: i == messages-1,
			})
			seq[way] += uint32(len(payload))
			if r != nil {
				name = r.Protocol()
			}
			if o == dissect.Decided || o == dissect.Failed {
				break
			}
		}
		pool.Put(s)
		if name != "" {
			named[name]++
		}
	}
	return named
}

// portsOver returns all ports of dissectors.
func portsOver(over dissect.Transport) []uint16 {
	var ports []uint16
	for _, p := range All() {
		if p.Over&over != 0 {
			ports = append(ports, p.Ports...)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
