// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"fmt"
	"os"
)

const (
	// DefaultSnapLength is how many bytes of a frame are kept: a full Ethernet frame with two VLAN tags, and some.
	DefaultSnapLength = 1536
	// DefaultRingBytes is the memory of the rings of one worker, over all interfaces.
	DefaultRingBytes = 4 << 20
	// DefaultRetire is after how many milliseconds the kernel hands over a block that isn't full.
	DefaultRetire = 10

	defaultBlockSize = 128 << 10
	// holds the longest frame kept of defaultBlockSize's users, and still some twenty of them
	minBlockSize = 32 << 10
	minBlocks    = 4       // one that is filled, one that is read, and two for a burst
	maxBlockSize = 4 << 20 // a block is contiguous memory: the largest that the buddy allocator has everywhere
	maxRingBytes = 1 << 30

	// tagBytes is the headroom in front of every frame for a VLAN tag that the kernel took out.
	tagBytes = 4
)

// Geometry is the layout of one ring. Both halves need it; it is small and goes from one to the other as JSON.
type Geometry struct {
	BlockSize int // bytes, a multiple of the page size
	Blocks    int
}

// GeometryFor divides ringBytes, the memory of one worker, over so many interfaces. It never gives less than 128 KiB,
// so that with very many interfaces the sum exceeds ringBytes. Rings that are open keep their size when interfaces
// come.
func GeometryFor(ringBytes, interfaces int) Geometry {
	share := ringBytes / max(interfaces, 1)
	size := defaultBlockSize
	for size > minBlockSize && share/size < 2*minBlocks {
		size /= 2
	}
	return Geometry{BlockSize: size, Blocks: max(share/size, minBlocks)}
}

// Bytes is how much memory the ring has.
func (g Geometry) Bytes() int { return g.BlockSize * g.Blocks }

func (g Geometry) check() error {
	page := os.Getpagesize()
	if g.BlockSize < page || g.BlockSize > maxBlockSize || g.BlockSize%page != 0 || g.Blocks < 1 ||
		g.Blocks > maxRingBytes/g.BlockSize {
		return fmt.Errorf("ring of %d blocks of %d bytes: not a ring that can be mapped", g.Blocks, g.BlockSize)
	}
	return nil
}
