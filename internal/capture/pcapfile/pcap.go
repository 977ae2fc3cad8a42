// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"io"

	"github.com/weirnet/weir/internal/packet"
)

// The pcap format is that of draft-ietf-opsawg-pcap. A file is a header and then records, each with its own header.
const (
	magicLength      = 4
	fileHeaderLength = 24
	// linkTypeMask selects the link type in the header's last field; above it are the length of the frame check
	// sequence and the flag that makes that length valid.
	linkTypeMask = 0xffff
)

// recordFormat is the layout of a pcap file's records.
type recordFormat struct {
	headerLength int
	tick         int64 // nanoseconds in a unit of the second time field
	order        lengthOrder
	maxLength    int // bound of the captured bytes
}

// lengthOrder is the order of the captured and the original length in a record.
type lengthOrder uint8

const (
	capturedFirst lengthOrder = iota
	originalFirst
	smallerIsCaptured
)

// The magic numbers in the byte order of the file.
const (
	magicMicroseconds = 0xa1b2c3d4
	magicNanoseconds  = 0xa1b23c4d
	magicModified     = 0xa1b2cd34 // Alexey Kuznetsov's libpcap: 8 more bytes in each record: interface, protocol, type
)

var recordFormats = map[uint32]recordFormat{
	magicMicroseconds: {headerLength: 16, tick: 1000},
	magicNanoseconds:  {headerLength: 16, tick: 1},
	magicModified:     {headerLength: 24, tick: 1000},
}

// readFileHeader reads the header of a pcap file and sets the format of its records.
func (r *Reader) readFileHeader(format recordFormat) error {
	head, err := r.window.peek(fileHeaderLength)
	if len(head) < fileHeaderLength {
		return r.cut(0, "the file header", err)
	}
	major, minor := r.uint16(head[4:]), r.uint16(head[6:])
	snap, link := r.uint32(head[16:]), r.uint32(head[20:])
	format.order = orderOfLengths(major, minor)
	format.maxLength = int(min(max(snap, MaxSnapLength), MaxRecordLength))
	r.record = format
	r.interfaces = []Interface{{LinkType: packet.LinkType(link & linkTypeMask), SnapLength: length(snap)}}
	r.window.consume(fileHeaderLength)
	return nil
}

// orderOfLengths handles three cases: version 2.3 of the format swapped the lengths, some programs wrote 2.3 with the
// old order, and DG/UX numbers its old order 543.0.
func orderOfLengths(major, minor uint16) lengthOrder {
	switch {
	case major == 2 && minor < 3, major == 543:
		return originalFirst
	case major == 2 && minor == 3:
		return smallerIsCaptured
	}
	return capturedFirst
}

// nextRecord reads one record of a pcap file.
func (r *Reader) nextRecord(f *Frame) error {
	w := r.window
	b := w.unread()
	if len(b) < r.record.headerLength {
		var err error
		if b, err = w.fill(r.record.headerLength); err != nil {
			if err == io.EOF && len(b) == 0 {
				return io.EOF
			}
			return r.cut(w.offset(), recordHeader, err)
		}
	}
	seconds, fraction := r.uint32(b), r.uint32(b[4:])
	captured, original := r.uint32(b[8:]), r.uint32(b[12:])
	if r.record.order != capturedFirst {
		if r.record.order == originalFirst || captured > original {
			captured, original = original, captured
		}
	}
	if captured > uint32(r.record.maxLength) {
		return r.corrupt(w.offset(), "a record of %d captured bytes, where at most %d are possible", captured,
			r.record.maxLength)
	}
	end := r.record.headerLength + int(captured)
	if len(b) < end {
		var err error
		if b, err = w.fill(end); err != nil {
			return r.cut(w.offset(), "a record", err)
		}
	}
	f.Data = b[r.record.headerLength:end:end]
	f.Length = length(max(captured, original))
	f.Time = int64(seconds)*1e9 + int64(fraction)*r.record.tick
	f.Interface, f.Direction = 0, packet.DirectionUnknown
	w.consume(end)
	return nil
}
