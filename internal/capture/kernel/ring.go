// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring reads a BPF ring buffer (Linux 5.8) in place: it lends records from the shared memory, and one store frees the
// room of many. It belongs to one goroutine.
//
// The memory is a page with the consumer's position, a page with the producer's, and the data, which the kernel maps
// twice in a row so that a record across the end is in one piece (Documentation/bpf/ringbuf.rst of the kernel). ring
// maps only the first page of the second copy, since no record is longer: mapped pages count as the process's memory,
// also those that are mapped twice.
type ring struct {
	consumer, producer   *uint64
	data                 []byte // the ring, and a page of it again
	mask                 uint64
	position             uint64 // read so far
	consumerMap, dataMap []byte
}

const (
	ringHeader  = 8 // length with two flags, and the kernel's own page offset
	busyFlag    = 1 << 31
	discardFlag = 1 << 30
)

func newRing(fd, size int) (*ring, error) {
	page := os.Getpagesize()
	consumer, err := unix.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map a ring's consumer page: %w", err)
	}
	data, err := unix.Mmap(fd, int64(page), page+size+page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(consumer)
		return nil, fmt.Errorf("map a ring of %d bytes: %w", size, err)
	}
	r := &ring{
		consumer: (*uint64)(unsafe.Pointer(&consumer[0])), producer: (*uint64)(unsafe.Pointer(&data[0])),
		data: data[page:], mask: uint64(size) - 1, consumerMap: consumer, dataMap: data,
	}
	r.position = atomic.LoadUint64(r.consumer)
	return r, nil
}

// next lends the next record, or nil without one. The kernel wrote the lengths; next checks them nevertheless, so that
// no value makes it read past the mapping.
func (r *ring) next() []byte {
	for r.position < atomic.LoadUint64(r.producer) {
		at := r.position & r.mask
		header := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if header&busyFlag != 0 {
			return nil // the program is still writing it
		}
		length := uint64(header &^ (busyFlag | discardFlag))
		if at+ringHeader+length > uint64(len(r.data)) {
			return nil
		}
		r.position += (ringHeader + length + 7) &^ 7
		if header&discardFlag == 0 {
			return r.data[at+ringHeader : at+ringHeader+length]
		}
	}
	return nil
}

// release frees the room of all records read so far.
func (r *ring) release() { atomic.StoreUint64(r.consumer, r.position) }

// waiting reports whether there is an unread record.
func (r *ring) waiting() bool { return r.position < atomic.LoadUint64(r.producer) }

func (r *ring) close() error {
	if err := unix.Munmap(r.consumerMap); err != nil {
		return err
	}
	return unix.Munmap(r.dataMap)
}
