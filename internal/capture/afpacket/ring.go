// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
)

// Ring is a mapped ring with its socket. It belongs to one goroutine, or to the Source that it is added to.
type Ring struct {
	Interface uint32

	fd        int
	memory    []byte
	blockSize int
	current   int // offset of the next block
	down      bool
	leaves    bool  // to be closed
	until     int64 // while leaving, the wall clock's time after which frames are dropped; 0: none are

	drops, freezes uint64
}

// NewRing maps the ring of a socket from Open. It needs no capability. The ring takes over the descriptor, except with
// an error.
func NewRing(fd int, ifindex uint32, g Geometry) (*Ring, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	memory, err := unix.Mmap(fd, 0, g.Bytes(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring of interface %d: %w", ifindex, err)
	}
	return &Ring{Interface: ifindex, fd: fd, memory: memory, blockSize: g.BlockSize}, nil
}

// read hands the frames of at most limit blocks to each, and returns the number of blocks.
func (r *Ring) read(limit int, f *capture.Frame, each func(*capture.Frame)) (blocks int) {
	if r.until != 0 {
		all := each
		each = func(f *capture.Frame) {
			if f.Time <= r.until {
				all(f)
			}
		}
	}
	for ; blocks < limit; blocks++ {
		block := r.memory[r.current : r.current+r.blockSize : r.current+r.blockSize]
		status := (*uint32)(unsafe.Pointer(&block[blockStatus]))
		if atomic.LoadUint32(status)&unix.TP_STATUS_USER == 0 {
			return blocks
		}
		walkBlock(block, f, each)
		r.down = false
		atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
		if r.current += r.blockSize; r.current == len(r.memory) {
			r.current = 0
		}
	}
	return blocks
}

// count adds the kernel's counts since the last call. Reading clears its counters, which have 32 bits.
func (r *Ring) count() error {
	s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("read packet statistics of interface %d: %w", r.Interface, err)
	}
	r.drops += uint64(s.Drops)
	r.freezes += uint64(s.Freeze_q_cnt)
	return nil
}

// state returns an error if the interface no longer exists; nil if it is merely down. The kernel reports going down as
// an error of the socket, once; only the socket's name shows that an interface is gone.
func (r *Ring) state() error {
	errno, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return fmt.Errorf("query socket of interface %d: %w", r.Interface, err)
	}
	if errno != 0 && unix.Errno(errno) != unix.ENETDOWN {
		return fmt.Errorf("capture on interface %d: %w", r.Interface, unix.Errno(errno))
	}
	if errno != 0 {
		r.down = true
	}
	name, err := unix.Getsockname(r.fd)
	if err != nil {
		return fmt.Errorf("query socket of interface %d: %w", r.Interface, err)
	}
	if link, ok := name.(*unix.SockaddrLinklayer); !ok || link.Ifindex != int(r.Interface) {
		return fmt.Errorf("capture on interface %d: the interface no longer exists: %w", r.Interface, unix.ENODEV)
	}
	return nil
}

// Close unmaps the ring and closes its socket, after which its frames are invalid. A Source does this for its own
// rings.
func (r *Ring) Close() error {
	err := unix.Munmap(r.memory)
	r.memory = nil
	return errors.Join(err, unix.Close(r.fd))
}
