// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// block returns a ring block in the kernel's layout, with frames of one hardware type.
func block(size int, hardware uint16, status uint32, frames ...[]byte) []byte {
	b := make([]byte, size)
	native.PutUint32(b[blockStatus:], unix.TP_STATUS_USER)
	native.PutUint32(b[blockCount:], uint32(len(frames)))
	native.PutUint32(b[blockFirst:], blockHeader)
	off := blockHeader
	for i, f := range frames {
		mac, network := 86, 100
		if hardware != unix.ARPHRD_ETHER {
			mac = network
		}
		h := b[off:]
		native.PutUint32(h[frameSec:], 1_700_000_000)
		native.PutUint32(h[frameNsec:], 42)
		native.PutUint32(h[frameSnap:], uint32(len(f)))
		native.PutUint32(h[frameLen:], uint32(len(f)))
		native.PutUint32(h[frameStatus:], status)
		native.PutUint16(h[frameMac:], uint16(mac))
		native.PutUint16(h[frameNet:], uint16(network))
		native.PutUint32(h[frameTCI:], 0x2005)
		native.PutUint16(h[frameTPID:], unix.ETH_P_8021AD)
		native.PutUint32(h[addressIndex:], 7)
		native.PutUint16(h[addressLink:], hardware)
		copy(h[mac:], f)
		step := (mac + len(f) + 7) &^ 7
		if i < len(frames)-1 {
			native.PutUint32(h[frameNext:], uint32(step))
		}
		off += step
	}
	return b
}

func TestLinkTypes(t *testing.T) {
	ip := frame("192.0.2.1", "192.0.2.2", 10)[14:]
	for hardware, want := range map[uint16]packet.LinkType{
		unix.ARPHRD_NONE: packet.LinkRaw, unix.ARPHRD_PPP: packet.LinkRaw, unix.ARPHRD_TUNNEL: packet.LinkRaw,
		unix.ARPHRD_SIT:                packet.LinkRaw,
		unix.ARPHRD_IEEE80211_RADIOTAP: packet.LinkIEEE80211Radiotap,
	} {
		n := 0
		walkBlock(block(4096, hardware, unix.TP_STATUS_VLAN_VALID, ip, ip), new(capture.Frame), func(f *capture.Frame) {
			n++
			if f.Link != want || !bytes.Equal(f.Data, ip) || f.Length != len(ip) || f.Interface != 7 ||
				f.Time != 1_700_000_000_000_000_042 {
				t.Errorf("hardware %d: %+v", hardware, f)
			}
		})
		if n != 2 {
			t.Errorf("hardware %d: %d frames", hardware, n)
		}
	}
}

// TestLoopbackSent: on a kernel that cannot ignore what the loopback interface sends, the walk does.
func TestLoopbackSent(t *testing.T) {
	data := frame("127.0.0.1", "127.0.0.1", 10)
	b := block(4096, unix.ARPHRD_LOOPBACK, 0, data, data)
	b[blockHeader+addressType] = unix.PACKET_OUTGOING
	if n := walkBlock(b, new(capture.Frame), func(*capture.Frame) {}); n != 1 {
		t.Errorf("%d frames, want the one that is received", n)
	}
}

// TestForeignLinkHeader: a link header other than Ethernet's is skipped.
func TestForeignLinkHeader(t *testing.T) {
	ip := frame("192.0.2.1", "192.0.2.2", 10)[14:]
	b := block(4096, unix.ARPHRD_INFINIBAND, 0, append(make([]byte, 20), ip...))
	native.PutUint16(b[blockHeader+frameNet:], 120)
	if n := walkBlock(b, new(capture.Frame), func(f *capture.Frame) {
		if f.Link != packet.LinkRaw || !bytes.Equal(f.Data, ip) || f.Length != len(ip) {
			t.Errorf("%+v", f)
		}
	}); n != 1 {
		t.Errorf("%d frames", n)
	}
}

func TestHostileNumbers(t *testing.T) {
	data := frame("192.0.2.1", "192.0.2.2", 10)
	for name, c := range map[string]struct {
		off  int
		v    uint32
		want int
	}{
		"none":               {blockStatus, 1, 2},
		"count too high":     {blockCount, 1 << 31, 2},
		"first in header":    {blockFirst, 4, 0},
		"first behind end":   {blockFirst, 4096 - frameHeader + 1, 0},
		"first overflows":    {blockFirst, ^uint32(0), 0},
		"next points back":   {blockHeader + frameNext, 8, 1},
		"next overflows":     {blockHeader + frameNext, ^uint32(0), 1},
		"snap behind end":    {blockHeader + frameSnap, 4096, 1},
		"snap one too long":  {blockHeader + frameSnap, 4096 - blockHeader - 86 + 1, 1},
		"snap overflows":     {blockHeader + frameSnap, ^uint32(0), 1},
		"data in the header": {blockHeader + frameMac, 20, 1},
	} {
		b := block(4096, unix.ARPHRD_ETHER, 0, data, data)
		native.PutUint32(b[c.off:], c.v)
		if n := walkBlock(b, new(capture.Frame), func(f *capture.Frame) {}); n != c.want {
			t.Errorf("%s: %d frames, want %d", name, n, c.want)
		}
	}
}

func FuzzWalkBlock(f *testing.F) {
	data := frame("192.0.2.1", "192.0.2.2", 10)
	f.Add(block(1024, unix.ARPHRD_ETHER, unix.TP_STATUS_VLAN_VALID|unix.TP_STATUS_VLAN_TPID_VALID, data, data))
	f.Add(block(1024, unix.ARPHRD_PPP, 0, data[14:], data[14:], data[14:]))
	f.Add(block(1024, unix.ARPHRD_INFINIBAND, 0, data))
	f.Fuzz(func(t *testing.T, in []byte) {
		// Bytes around the block, with room behind it in the slice, reveal accesses beyond it.
		const guard = 64
		whole := bytes.Repeat([]byte{0xa5}, len(in)+2*guard)
		b := whole[guard : guard+len(in)]
		copy(b, in)
		handed := 0
		n := walkBlock(b, new(capture.Frame), func(f *capture.Frame) {
			if handed++; handed > len(in)/frameHeader {
				t.Fatalf("%d frames in %d bytes", handed, len(in))
			}
			if cap(f.Data) != len(f.Data) || f.Length < len(f.Data) {
				t.Fatalf("%d of %d bytes, length %d", len(f.Data), cap(f.Data), f.Length)
			}
			for i := range f.Data {
				f.Data[i] = 0xa5 // lent bytes lie within the block: else the guards change
			}
		})
		if n != handed || len(b) > 0 && n > len(b) {
			t.Fatalf("%d frames said, %d handed out", n, handed)
		}
		for i := range guard {
			if whole[i] != 0xa5 || whole[len(whole)-1-i] != 0xa5 {
				t.Fatal("written outside of the block")
			}
		}
	})
}

func TestGeometry(t *testing.T) {
	for _, interfaces := range []int{0, 1, 2, 4, 8, 100} {
		g := GeometryFor(DefaultRingBytes, interfaces)
		if err := g.check(); err != nil || g.Blocks < minBlocks {
			t.Errorf("%d interfaces: %+v, %v", interfaces, g, err)
		}
		if interfaces <= 16 && g.Bytes()*max(interfaces, 1) > DefaultRingBytes {
			t.Errorf("%d interfaces: %d bytes each", interfaces, g.Bytes())
		}
	}
	for _, g := range []Geometry{{}, {4095, 1}, {4096, 0}, {-4096, 1}, {8 << 20, 1}, {1 << 20, 1 << 20}} {
		if g.check() == nil {
			t.Errorf("%+v passes", g)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	s := sources(t, Config{Interface: b, Retire: 1})[0]
	send := sender(t, a)
	tagged := frame("192.0.2.1", "192.0.2.2", 100, 0x81000005)
	frames := 0
	each := func(*capture.Frame) { frames++ }
	// few enough to fit in the ring, however slow the sender: the kernel closes a block each millisecond
	const sent = 400
	come := func(n int) {
		t.Helper()
		wait.Until(t, "the frames that were sent", func() bool {
			if err := s.Read(time.Millisecond, each); err != nil {
				t.Fatal(err)
			}
			return frames >= n
		})
	}
	for range sent / 2 {
		send(tagged)
	}
	come(sent / 2)
	for range sent / 2 {
		send(tagged)
	}
	if n := testing.AllocsPerRun(20, func() {
		if err := s.Read(time.Millisecond, each); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a Read", n)
	}
	if come(sent); frames != sent {
		var lost capture.Losses
		s.Losses(&lost)
		t.Errorf("%d frames of %d; lost: %+v", frames, sent, lost)
	}
}

func BenchmarkWalkBlock(b *testing.B) {
	data := frame("192.0.2.1", "192.0.2.2", 64)
	frames := make([][]byte, 500)
	for i := range frames {
		frames[i] = data
	}
	blk := block(defaultBlockSize, unix.ARPHRD_ETHER, 0, frames...)
	f := new(capture.Frame)
	bytesSeen := 0
	each := func(f *capture.Frame) { bytesSeen += len(f.Data) }
	b.ReportAllocs()
	for b.Loop() {
		if walkBlock(blk, f, each) != len(frames) {
			b.Fatal("frames are missing")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(frames)), "ns/frame")
}

// BenchmarkRing measures user space's cost of a frame in a ring.
func BenchmarkRing(b *testing.B) {
	namespace(b)
	va, vb := veth(b, "a", "b")
	s := sources(b, Config{Interface: vb, Geometry: GeometryFor(16<<20, 1)})[0]
	send := sender(b, va)
	data := frame("192.0.2.1", "192.0.2.2", 64)
	const batch = 40_000
	frames := 0
	var spent time.Duration
	each := func(f *capture.Frame) { frames++ }
	b.ReportAllocs()
	for b.Loop() {
		for range batch {
			send(data)
		}
		time.Sleep(2 * DefaultRetire * time.Millisecond) // the kernel closes its last block, for which Read would wait
		for want := frames + batch; frames < want; {
			start := time.Now()
			if err := s.Read(time.Second, each); err != nil {
				b.Fatal(err)
			}
			if time.Since(start) > time.Second {
				b.Fatalf("%d frames are missing", want-frames)
			}
			spent += time.Since(start)
		}
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(frames), "ns/frame")
}
