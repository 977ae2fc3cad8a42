// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"fmt"
	"os"
)

const (
	// DefaultSnapLength is the number of bytes kept of a frame: a full Ethernet frame with two VLAN tags, and a
	// reserve.
	DefaultSnapLength = 1536
	// DefaultRingBytes is the memory of one worker's rings, over all interfaces.
	DefaultRingBytes = 4 << 20
	// DefaultRetire is the time in milliseconds after which the kernel hands over a partly filled block.
	DefaultRetire = 10

	defaultBlockSize = 128 << 10
	// holds about twenty of the longest frames that fit a block of default size
	minBlockSize = 32 << 10
	minBlocks    = 4       // one being filled, one being read, and two for a burst
	maxBlockSize = 4 << 20 // a block is contiguous memory: the buddy allocator's maximum on every machine
	maxRingBytes = 1 << 30

	// tagBytes is the headroom before every frame for a VLAN tag that the kernel removed.
	tagBytes = 4
)

// Geometry is the layout of one ring. Both halves need it; it is small and travels as JSON.
type Geometry struct {
	BlockSize int // bytes, a multiple of the page size
	Blocks    int
}

// GeometryFor divides ringBytes, the memory of one worker, by the number of interfaces. The result is at least 128 KiB,
// so with very many interfaces the sum exceeds ringBytes. Open rings keep their size when interfaces come.
func GeometryFor(ringBytes, interfaces int) Geometry {
	share := ringBytes / max(interfaces, 1)
	size := defaultBlockSize
	for size > minBlockSize && share/size < 2*minBlocks {
		size /= 2
	}
	return Geometry{BlockSize: size, Blocks: max(share/size, minBlocks)}
}

// Bytes returns the ring's memory.
func (g Geometry) Bytes() int { return g.BlockSize * g.Blocks }

func (g Geometry) check() error {
	page := os.Getpagesize()
	if g.BlockSize < page || g.BlockSize > maxBlockSize || g.BlockSize%page != 0 || g.Blocks < 1 ||
		g.Blocks > maxRingBytes/g.BlockSize {
		return fmt.Errorf("ring of %d blocks of %d bytes cannot be mapped", g.Blocks, g.BlockSize)
	}
	return nil
}
