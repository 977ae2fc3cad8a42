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
//	56  number of lost ranges, and of those of which waiting reports tell, 32 bits each
//	64  the ranges, each: epoch, first, last, count; the others also: generation and sequence of first and last report
//	    CRC32C of all before
type pointer struct {
	epoch      Epoch
	generation uint64
	next       uint64
	done       position
	lost       lost
	told       tellings
}

// lose takes a report off the waiting ones, as one that is lost, with what it would have told.
func (p *pointer) lose(l label) {
	p.lost = p.lost.add(Range{l.epoch, l.sequence, l.sequence, 1})
	p.told, p.lost = p.told.unsaid(p.lost, l.position)
}

const (
	pointerMagic = "weirptr\x01"
	pointerSize  = 64
	rangeSize    = 40
	tellingSize  = rangeSize + 32
	maxPointer   = pointerSize + maxRanges*(rangeSize+tellingSize) + 4
)

func (p *pointer) append(b []byte) []byte {
	start := len(b)
	b = append(b, pointerMagic...)
	b = append(b, p.epoch[:]...)
	b = appendNumbers(b, p.generation, p.next, p.done.generation, p.done.sequence)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.lost)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.told)))
	for _, r := range p.lost {
		b = appendNumbers(append(b, r.Epoch[:]...), r.First, r.Last, r.Count)
	}
	for _, t := range p.told {
		b = appendNumbers(append(b, t.Epoch[:]...), t.First, t.Last, t.Count)
		b = appendNumbers(b, t.first.generation, t.first.sequence, t.last.generation, t.last.sequence)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func appendNumbers(b []byte, all ...uint64) []byte {
	for _, n := range all {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

func parsePointer(b []byte) (p pointer, err error) {
	if len(b) < pointerSize+4 || len(b) > maxPointer || string(b[:8]) != pointerMagic {
		return p, errDamaged
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	number := func(at int) uint64 { return binary.LittleEndian.Uint64(body[at:]) }
	ranges, told := uint32(number(56)), uint32(number(56)>>32)
	if crc32.Checksum(body, castagnoli) != sum || ranges > maxRanges || told > maxRanges ||
		len(body) != pointerSize+int(ranges)*rangeSize+int(told)*tellingSize {
		return p, errDamaged
	}
	copy(p.epoch[:], body[8:])
	p.generation, p.next, p.done = number(24), number(32), position{number(40), number(48)}
	for at := pointerSize; at < len(body); {
		r := Range{First: number(at + 16), Last: number(at + 24), Count: number(at + 32)}
		copy(r.Epoch[:], body[at:])
		if r.First > r.Last || r.Count == 0 || r.Count-1 > r.Last-r.First {
			return pointer{}, errDamaged
		}
		if at += rangeSize; len(p.lost) < int(ranges) {
			p.lost = append(p.lost, r)
			continue
		}
		t := telling{r, position{number(at), number(at + 8)}, position{number(at + 16), number(at + 24)}}
		p.told, at = append(p.told, t), at+tellingSize-rangeSize
	}
	return p, nil
}
