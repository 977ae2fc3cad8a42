// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"math/bits"
	"testing"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// segmentFrame is a TCP segment in IPv4 that comes in, told from others by n.
func segmentFrame(b *[60]byte, n uint32) Frame {
	*b = [60]byte{0x45, 8: 64, 9: packet.ProtoTCP, 12: 10, 16: 198, 51, 100, 1}
	b[3] = byte(len(b))
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	binary.BigEndian.PutUint32(b[12:], 10<<24|n>>12)
	binary.BigEndian.PutUint16(b[20:], uint16(n))
	binary.BigEndian.PutUint32(b[24:], n)
	b[32], b[33] = 0x50, packet.ACK
	return Frame{Data: b[:], Length: len(b), Time: int64(n) * 1000, Link: packet.LinkRaw, Origin: 1,
		Direction: packet.Inbound}
}

// TestOnceIsBounded: what is remembered stays within its limits under a flood, and remembering allocates nothing.
func TestOnceIsBounded(t *testing.T) {
	o := newOnce(true)
	var b [60]byte
	n := uint32(0)
	next := func() {
		f := segmentFrame(&b, n)
		if o.isCopy(&f) {
			t.Fatalf("packet %d is a copy of none", n)
		}
		n++
	}
	for n < 3*rememberedFlows {
		next()
	}
	if p, c, s := len(o.packets.places), len(o.contents.places), len(o.streams.places); p > rememberedPackets ||
		c > rememberedPackets || s > rememberedFlows {
		t.Errorf("%d packets, %d contents, %d streams are remembered", p, c, s)
	}
	if allocations := testing.AllocsPerRun(20_000, next); allocations > 0.01 {
		// the maps may grow in place now and then
		t.Errorf("%v allocations a packet", allocations)
	}
	for i := range uint64(3 * rememberedFlows) {
		*o.names.set(flow.Key{i}) = &translation{}
	}
	if len(o.names.places) != rememberedFlows {
		t.Errorf("%d translations are remembered", len(o.names.places))
	}
	o.names.remove(flow.Key{3*rememberedFlows - 1})
	if o.names.get(flow.Key{3*rememberedFlows - 1}) != nil || o.names.get(flow.Key{3*rememberedFlows - 2}) == nil {
		t.Error("what was removed is there, or what was not isn't")
	}
}

// FuzzOnce: whatever the frames are, none breaks it, and each of them is counted or is a copy.
func FuzzOnce(f *testing.F) {
	var b [60]byte
	s := segmentFrame(&b, 1)
	entry := func(origin, direction byte, link packet.LinkType, data []byte) []byte {
		return append([]byte{origin, direction, byte(link), byte(len(data))}, data...)
	}
	f.Add(append(entry(1, 1, packet.LinkRaw, s.Data), entry(2, 2, packet.LinkRaw, s.Data)...))
	f.Add(append(entry(1, 0, packet.LinkRaw, s.Data), entry(2, 0, packet.LinkRaw, s.Data[:30])...))
	f.Add(entry(0, 1, packet.LinkLinuxSLL, s.Data))
	f.Fuzz(func(t *testing.T, in []byte) {
		o := newOnceOf(8, 4) // little, so that what gives way is tried as well
		o.opens = true
		frames, counted, inner := uint64(0), uint64(0), uint64(0)
		for len(in) >= 4 {
			size := min(int(in[3]), len(in)-4)
			fr := Frame{
				Data: in[4 : 4+size], Length: size, Time: int64(frames) * 1e8, Link: packet.LinkType(in[2]),
				Origin: uint64(in[0] & 3), Direction: packet.Direction(in[1] % 3),
			}
			in = in[4+size:]
			frames++
			if !o.isCopy(&fr) {
				counted++
			}
			if fr.copied&1 != 0 {
				t.Error("a frame that is counted shows a copy")
			}
			inner += uint64(bits.OnesCount8(fr.copied))
		}
		if counted+o.Forwarded+o.Carried-inner != frames {
			t.Errorf("%d frames: %d counted, %d and %d copies", frames, counted, o.Forwarded, o.Carried)
		}
		if frames > 0 && counted == 0 {
			t.Error("all frames are copies of none")
		}
	})
}
