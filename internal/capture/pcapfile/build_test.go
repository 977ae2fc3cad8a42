// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/weirnet/weir/internal/packet"
)

// This file builds capture files for tests, field by field after the specifications.

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// pcapFile is the header of a pcap file to build.
type pcapFile struct {
	order        byteOrder
	magic        uint32
	major, minor uint16
	snap, link   uint32
}

var plainPcap = pcapFile{order: binary.LittleEndian, magic: magicMicroseconds, major: 2, minor: 4, snap: 65535, link: 1}

// pcapRecord is a record to build; first and second are the two lengths, in the order of the file.
type pcapRecord struct {
	seconds, fraction uint32
	first, second     uint32
	data              string
}

func (p pcapFile) build(records ...pcapRecord) []byte {
	b := p.order.AppendUint32(nil, p.magic)
	b = p.order.AppendUint16(b, p.major)
	b = p.order.AppendUint16(b, p.minor)
	b = append(b, make([]byte, 8)...)
	b = p.order.AppendUint32(b, p.snap)
	b = p.order.AppendUint32(b, p.link)
	for _, r := range records {
		for _, v := range []uint32{r.seconds, r.fraction, r.first, r.second} {
			b = p.order.AppendUint32(b, v)
		}
		if p.magic == magicModified {
			b = append(b, 0xff, 0xff, 0xff, 0xff, 0x08, 0x00, 0x00, 0x00)
		}
		b = append(b, r.data...)
	}
	return b
}

// pcapng is a pcapng file under construction.
type pcapng struct {
	order byteOrder
	b     []byte
}

// block appends a block with the body, padded.
func (p *pcapng) block(kind uint32, body []byte) {
	padded := append(bytes.Clone(body), make([]byte, -len(body)&3)...)
	total := uint32(len(padded) + blockFrameLength)
	p.b = p.order.AppendUint32(p.b, kind)
	p.b = p.order.AppendUint32(p.b, total)
	p.b = append(p.b, padded...)
	p.b = p.order.AppendUint32(p.b, total)
}

// section appends a section header and sets the byte order of what follows.
func (p *pcapng) section(order byteOrder, length int64) {
	p.order = order
	body := order.AppendUint32(nil, byteOrderMagic)
	body = order.AppendUint16(body, 1)
	body = order.AppendUint16(body, 0)
	p.block(blockSection, order.AppendUint64(body, uint64(length)))
}

type pcapngOption struct {
	code  uint16
	value []byte
}

func text(code uint16, s string) pcapngOption { return pcapngOption{code, []byte(s)} }

func (p *pcapng) iface(link uint16, snap uint32, options ...pcapngOption) {
	body := p.order.AppendUint16(nil, link)
	body = p.order.AppendUint16(body, 0)
	body = p.order.AppendUint32(body, snap)
	for _, o := range options {
		body = p.order.AppendUint16(body, o.code)
		body = p.order.AppendUint16(body, uint16(len(o.value)))
		body = append(body, o.value...)
		body = append(body, make([]byte, -len(o.value)&3)...)
	}
	p.block(blockInterface, body)
}

func (p *pcapng) packetBody(id []byte, ticks uint64, captured, original uint32, data string) []byte {
	for _, v := range []uint32{uint32(ticks >> 32), uint32(ticks), captured, original} {
		id = p.order.AppendUint32(id, v)
	}
	return append(id, data...)
}

func (p *pcapng) enhanced(id uint32, ticks uint64, data string, original uint32) {
	p.block(blockEnhancedPacket, p.packetBody(p.order.AppendUint32(nil, id), ticks, uint32(len(data)), original, data))
}

func (p *pcapng) obsolete(id, drops uint16, ticks uint64, data string, original uint32) {
	head := p.order.AppendUint16(p.order.AppendUint16(nil, id), drops)
	p.block(blockObsoletePacket, p.packetBody(head, ticks, uint32(len(data)), original, data))
}

func (p *pcapng) simple(data string, original uint32) {
	p.block(blockSimplePacket, append(p.order.AppendUint32(nil, original), data...))
}

// newPcapng begins a file with one section and one Ethernet interface with microseconds.
func newPcapng(order byteOrder) *pcapng {
	p := &pcapng{}
	p.section(order, -1)
	p.iface(1, 0)
	return p
}

// pcapngOfEachBlock returns a file with one block of each kind.
func pcapngOfEachBlock(order byteOrder) *pcapng {
	p := &pcapng{}
	p.section(order, -1)
	p.iface(1, 96, text(optionName, "lan0"), text(optionDescription, "the LAN"))
	p.iface(101, 0, text(optionName, "wan0"), pcapngOption{optionTimeResolution, []byte{9}}, text(optionEnd, ""))
	p.enhanced(0, 1_700_000_000_000_001, "first", 60)
	p.block(4, make([]byte, 8)) // names
	p.enhanced(1, 1_700_000_000_000_000_002, "second", 6)
	p.obsolete(1, 7, 1_700_000_000_000_000_003, "third", 5)
	p.simple("fourth", 6)
	p.block(5, make([]byte, 12))  // statistics
	p.block(10, make([]byte, 40)) // secrets
	p.block(1<<31, []byte("x"))   // for local use
	return p
}

var framesOfEachBlock = []Frame{
	{[]byte("first"), 60, 1_700_000_000_000_001_000, 0, 0},
	{[]byte("second"), 6, 1_700_000_000_000_000_002, 1, 0},
	{[]byte("third"), 5, 1_700_000_000_000_000_003, 1, 0},
	{[]byte("fourth"), 6, 1_700_000_000_000_000_003, 0, 0},
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, b []byte, options ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// mustRead reads all frames of a capture, with copies of their data, and returns Next's final error.
func mustRead(t testing.TB, in io.Reader) ([]Frame, *Reader, error) {
	t.Helper()
	r, err := NewReader(in, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	frames, err := readAll(r)
	return frames, r, err
}

func readAll(r *Reader) ([]Frame, error) {
	var frames []Frame
	for {
		var f Frame
		if err := r.Next(&f); err != nil {
			return frames, err
		}
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, f)
	}
}

// wantFrames compares frames.
func wantFrames(t testing.TB, got, want []Frame) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		if !bytes.Equal(g.Data, w.Data) || g.Length != w.Length || g.Time != w.Time || g.Interface != w.Interface ||
			g.Direction != w.Direction {
			t.Errorf("frame %d: %+v, want %+v", i, g, w)
		}
	}
}

// ethernet is LINKTYPE_ETHERNET.
const ethernet packet.LinkType = 1
