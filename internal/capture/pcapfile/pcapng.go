// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"strings"

	"github.com/weirnet/weir/internal/packet"
)

// The pcapng format is that of draft-ietf-opsawg-pcapng. A file is a sequence of blocks: type, total length, body, and
// the total length once more.
const (
	blockInterface      = 1
	blockObsoletePacket = 2
	blockSimplePacket   = 3
	blockEnhancedPacket = 6
	blockSection        = 0x0a0d0d0a // the same in both byte orders

	blockFrameLength = 12 // of a block without body
	blockHeadLength  = 8  // type and first total length
	blockTailLength  = 4  // second total length

	// Least total lengths, from the fixed fields of each block.
	sectionLength      = blockFrameLength + 16
	interfaceLength    = blockFrameLength + 8
	packetLength       = blockFrameLength + 20 // Enhanced Packet Block and Packet Block
	simplePacketLength = blockFrameLength + 4

	// Offsets of the packet in its block.
	packetDataOffset   = blockHeadLength + 20
	simplePacketOffset = blockHeadLength + 4

	byteOrderMagic       = 0x1a2b3c4d
	supportedMajor       = 1
	microsecondsExponent = 6 // the if_tsresol of an interface without one
)

const (
	// MaxInterfaces bounds the interfaces that a Reader remembers: with the names, 16,384 × 0.6 KB, about 10 MB. A
	// section has a few hundred at most, but each of many concatenated files starts anew.
	MaxInterfaces = 1 << 14
	// maxInterfaceText bounds the bytes kept of an interface's name or description. Linux allows 15 bytes for a name;
	// on Windows it is a path with a GUID, about 60.
	maxInterfaceText = 255
)

// section is the state of the present section of a pcapng file.
type section struct {
	firstInterface int     // index in Reader.interfaces of the section's interface 0
	clocks         []clock // of its interfaces
	lastTime       int64   // of the previous packet, for Simple Packet Blocks, which have no time
}

// nextBlock reads blocks up to and including the next packet.
func (r *Reader) nextBlock(f *Frame) error {
	w := r.window
	for {
		b := w.unread()
		var err error
		if len(b) < blockHeadLength {
			if b, err = w.fill(blockHeadLength); err != nil {
				if err == io.EOF && len(b) == 0 {
					return io.EOF
				}
				return r.cut(w.offset(), blockHeader, err)
			}
		}
		kind, total := r.uint32(b), r.uint32(b[4:])
		switch kind {
		case blockEnhancedPacket, blockObsoletePacket:
			if b, err = r.wholeBlock(total, packetLength); err != nil {
				return err
			}
			return r.packetBlock(f, b, kind == blockObsoletePacket)
		case blockSimplePacket:
			if b, err = r.wholeBlock(total, simplePacketLength); err != nil {
				return err
			}
			return r.simplePacketBlock(f, b)
		case blockInterface:
			err = r.readInterface(total)
		case blockSection:
			err = r.readSection()
		default:
			err = r.skipBlock(total)
		}
		if err != nil {
			return err
		}
	}
}

// checkLength checks the first total length of the block at the window's start.
func (r *Reader) checkLength(total uint32, least int) error {
	switch {
	case total%4 != 0:
		return r.corrupt(r.window.offset(), "a block length of %d, which is not a multiple of 4", total)
	case total < uint32(least):
		return r.corrupt(r.window.offset(), "a block length of %d, where at least %d is needed", total, least)
	}
	return nil
}

// wholeBlock returns the block at the window's start, after checking both lengths.
func (r *Reader) wholeBlock(total uint32, least int) ([]byte, error) {
	w := r.window
	if total%4 != 0 || total < uint32(least) {
		return nil, r.checkLength(total, least)
	}
	if total > MaxRecordLength {
		return nil, r.corrupt(w.offset(), "a block length of %d, where at most %d are possible", total, MaxRecordLength)
	}
	b := w.unread()
	if len(b) < int(total) {
		var err error
		if b, err = w.fill(int(total)); err != nil {
			return nil, r.cut(w.offset(), "a block", err)
		}
	}
	b = b[:total:total]
	if again := r.uint32(b[total-blockTailLength:]); again != total {
		return nil, r.corrupt(w.offset(), "a block length of %d at its beginning, but %d at its end", total, again)
	}
	return b, nil
}

// skipBlock skips a block without a packet. It keeps none of it in memory, so the length needs no limit.
func (r *Reader) skipBlock(total uint32) error {
	if err := r.checkLength(total, blockFrameLength); err != nil {
		return err
	}
	w, offset := r.window, r.window.offset()
	if err := w.skip(int64(total) - blockTailLength); err != nil {
		return r.cut(offset, "a block", err)
	}
	tail, err := w.peek(blockTailLength)
	if err != nil {
		return r.cut(offset, "a block", err)
	}
	if again := r.uint32(tail); again != total {
		return r.corrupt(offset, "a block length of %d at its beginning, but %d at its end", total, again)
	}
	w.consume(blockTailLength)
	return nil
}

// readSection reads a Section Header Block (§4.1) and begins its section, in its byte order. It ignores the section's
// length: the reader visits each block anyway.
func (r *Reader) readSection() error {
	w := r.window
	b, err := w.peek(sectionLength)
	if err != nil {
		return r.cut(w.offset(), "a section header", err)
	}
	switch binary.LittleEndian.Uint32(b[8:]) {
	case byteOrderMagic:
		r.swapped = false
	case bits.ReverseBytes32(byteOrderMagic):
		r.swapped = true
	default:
		return r.corrupt(w.offset(), "a section header with the byte-order magic % x", b[8:12])
	}
	if b, err = r.wholeBlock(r.uint32(b[4:]), sectionLength); err != nil {
		return err
	}
	if major, minor := r.uint16(b[12:]), r.uint16(b[14:]); major != supportedMajor {
		return r.corrupt(w.offset(), "a section of version %d.%d", major, minor)
	}
	r.section.firstInterface = len(r.interfaces)
	r.section.clocks = r.section.clocks[:0]
	w.consume(len(b))
	return nil
}

// readInterface reads an Interface Description Block (§4.2).
func (r *Reader) readInterface(total uint32) error {
	b, err := r.wholeBlock(total, interfaceLength)
	if err != nil {
		return err
	}
	if len(r.interfaces) == MaxInterfaces {
		return r.corrupt(r.window.offset(), "more than %d interfaces", MaxInterfaces)
	}
	i := Interface{
		LinkType: packet.LinkType(r.uint16(b[8:])), SnapLength: length(r.uint32(b[12:])), Number: len(r.section.clocks),
	}
	c := newClock(microsecondsExponent)
	for options := b[16 : len(b)-blockTailLength]; len(options) >= optionHeadLength; {
		var code uint16
		var value []byte
		if code, value, options, err = r.option(options); err != nil {
			return err
		}
		if code == optionEnd {
			break
		}
		if err := r.interfaceOption(&i, &c, code, value); err != nil {
			return err
		}
	}
	r.interfaces = append(r.interfaces, i)
	r.section.clocks = append(r.section.clocks, c)
	r.window.consume(len(b))
	return nil
}

// Options (§3.5) and those of an interface (§4.2).
const (
	optionEnd            = 0
	optionName           = 2
	optionDescription    = 3
	optionTimeResolution = 9
	optionTimeOffset     = 14

	optionHeadLength = 4
)

// option splits the first option off options, which holds at least a head, of the block at the window's start.
func (r *Reader) option(options []byte) (code uint16, value, rest []byte, err error) {
	code, size := r.uint16(options), int(r.uint16(options[2:]))
	options = options[optionHeadLength:]
	padded := (size + 3) &^ 3
	if padded > len(options) {
		return 0, nil, nil, r.corrupt(r.window.offset(), "option %d of %d bytes, where %d are left", code, size,
			len(options))
	}
	return code, options[:size], options[padded:], nil
}

func (r *Reader) interfaceOption(i *Interface, c *clock, code uint16, value []byte) error {
	switch {
	case code == optionName:
		i.Name = interfaceText(value)
	case code == optionDescription:
		i.Description = interfaceText(value)
	case code == optionTimeResolution && len(value) == 1:
		offset := c.offset
		*c = newClock(value[0])
		c.offset = offset
	case code == optionTimeOffset && len(value) == 8:
		c.setOffset(int64(r.uint64(value)))
	case code == optionTimeResolution, code == optionTimeOffset:
		return r.corrupt(r.window.offset(), "option %d of %d bytes", code, len(value))
	}
	return nil
}

// interfaceText returns a name as valid UTF-8; some programs end it with a NUL.
func interfaceText(value []byte) string {
	value, _, _ = bytes.Cut(value, []byte{0})
	return strings.ToValidUTF8(string(value[:min(len(value), maxInterfaceText)]), "")
}

// packetBlock reads an Enhanced Packet Block (§4.3), or the obsolete Packet Block (appendix A), which has a drop
// counter in half of the interface's field.
func (r *Reader) packetBlock(f *Frame, b []byte, obsolete bool) error {
	id := r.uint32(b[8:])
	if obsolete {
		id = uint32(r.uint16(b[8:]))
	}
	if id >= uint32(len(r.section.clocks)) {
		return r.corrupt(r.window.offset(), "a packet of interface %d, where %d are declared", id,
			len(r.section.clocks))
	}
	captured, original := r.uint32(b[20:]), r.uint32(b[24:])
	if room := len(b) - packetLength; captured > uint32(room) {
		return r.corrupt(r.window.offset(), "a packet of %d bytes in a block with room for %d", captured, room)
	}
	end := packetDataOffset + int(captured)
	f.Data = b[packetDataOffset:end:end]
	f.Length = length(max(captured, original))
	f.Time = r.section.clocks[id].nanoseconds(uint64(r.uint32(b[12:]))<<32 | uint64(r.uint32(b[16:])))
	f.Interface = r.section.firstInterface + int(id)
	f.Direction = r.direction(b[min(packetDataOffset+(int(captured)+3)&^3, len(b)-blockTailLength) : len(
		b)-blockTailLength])
	r.section.lastTime = f.Time
	r.window.consume(len(b))
	return nil
}

// direction reads the two lowest bits of the flags (§4.3.1) among a packet's options. Invalid options lose no packet.
func (r *Reader) direction(options []byte) packet.Direction {
	const optionFlags, flagsLength = 2, 4
	for len(options) >= optionHeadLength {
		code, size := r.uint16(options), int(r.uint16(options[2:]))
		options = options[optionHeadLength:]
		if code == optionEnd || size > len(options) {
			break
		}
		if code == optionFlags && size == flagsLength {
			return [4]packet.Direction{1: packet.Inbound, 2: packet.Outbound}[r.uint32(options)&3]
		}
		options = options[min((size+3)&^3, len(options)):]
	}
	return packet.DirectionUnknown
}

// simplePacketBlock reads a Simple Packet Block (§4.4). It belongs to the section's first interface, and gets the time
// of the previous packet, since it has none.
func (r *Reader) simplePacketBlock(f *Frame, b []byte) error {
	if len(r.section.clocks) == 0 {
		return r.corrupt(r.window.offset(), "a packet where no interface is declared")
	}
	original := r.uint32(b[8:])
	captured := min(original, uint32(len(b)-simplePacketLength))
	if snap := r.interfaces[r.section.firstInterface].SnapLength; snap > 0 {
		captured = min(captured, uint32(snap))
	}
	end := simplePacketOffset + int(captured)
	f.Data = b[simplePacketOffset:end:end]
	f.Length = length(original)
	f.Time = r.section.lastTime
	f.Interface, f.Direction = r.section.firstInterface, packet.DirectionUnknown
	r.window.consume(len(b))
	return nil
}

func (r *Reader) uint64(b []byte) uint64 {
	if r.swapped {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}
