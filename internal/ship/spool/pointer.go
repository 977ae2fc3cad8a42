// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"hash/crc32"
)

// pointer is what the spool knows beside its segments: who numbers the reports, how far they are done, and which were
// lost. The file is replaced as a whole.
//
//	 0  magic "weirptr", version
//	 8  epoch, 16 bytes
//	24  generation
//	32  next sequence
//	40  generation and sequence of the last report that is done
//	56  number of ranges; each: epoch, first, last, count
//	    CRC32C of all before
type pointer struct {
	epoch      Epoch
	generation uint64
	next       uint64
	done       position
	lost       lost
}

const (
	pointerMagic = "weirptr\x01"
	pointerSize  = 64
	rangeSize    = 40
	maxPointer   = pointerSize + maxRanges*rangeSize + 4
)

func (p *pointer) append(b []byte) []byte {
	start := len(b)
	b = append(b, pointerMagic...)
	b = append(b, p.epoch[:]...)
	for _, n := range [...]uint64{p.generation, p.next, p.done.generation, p.done.sequence, uint64(len(p.lost))} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	for _, r := range p.lost {
		b = append(b, r.Epoch[:]...)
		b = binary.LittleEndian.AppendUint64(b, r.First)
		b = binary.LittleEndian.AppendUint64(b, r.Last)
		b = binary.LittleEndian.AppendUint64(b, r.Count)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func parsePointer(b []byte) (p pointer, err error) {
	if len(b) < pointerSize+4 || len(b) > maxPointer || string(b[:8]) != pointerMagic {
		return p, errDamaged
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	number := func(at int) uint64 { return binary.LittleEndian.Uint64(body[at:]) }
	n := number(56)
	if crc32.Checksum(body, castagnoli) != sum || n > maxRanges || len(body) != pointerSize+int(n)*rangeSize {
		return p, errDamaged
	}
	copy(p.epoch[:], body[8:])
	p.generation, p.next, p.done = number(24), number(32), position{number(40), number(48)}
	for at := pointerSize; at < len(body); at += rangeSize {
		r := Range{First: number(at + 16), Last: number(at + 24), Count: number(at + 32)}
		copy(r.Epoch[:], body[at:])
		if r.First > r.Last || r.Count == 0 || r.Count-1 > r.Last-r.First {
			return p, errDamaged
		}
		p.lost = append(p.lost, r)
	}
	return p, nil
}
