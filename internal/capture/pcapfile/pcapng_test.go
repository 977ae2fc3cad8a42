// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

func TestPcapngBlocks(t *testing.T) {
	for name, order := range map[string]byteOrder{"little-endian": binary.LittleEndian,
		"big-endian": binary.BigEndian} {
		t.Run(name, func(t *testing.T) {
			got, r, err := mustRead(t, bytes.NewReader(pcapngOfEachBlock(order).b))
			if err != io.EOF {
				t.Errorf("at the end: %v, want io.EOF", err)
			}
			wantFrames(t, got, framesOfEachBlock)
			want := []Interface{{"lan0", "the LAN", 1, 96, 0}, {"wan0", "", 101, 0, 1}}
			if !slices.Equal(r.Interfaces(), want) {
				t.Errorf("interfaces %+v, want %+v", r.Interfaces(), want)
			}
		})
	}
}

func TestPcapngSections(t *testing.T) {
	p := newPcapng(binary.LittleEndian)
	p.enhanced(0, 1, "a", 1)
	p.section(binary.BigEndian, 12) // a wrong length, which nobody needs
	p.iface(113, 0, pcapngOption{optionTimeResolution, []byte{9}})
	p.iface(1, 0)
	p.enhanced(0, 2, "b", 1)
	p.enhanced(1, 3, "c", 1)
	p.section(binary.LittleEndian, -1)
	p.iface(1, 0)
	p.block(0xbad, []byte("\x00\x00\x7f\xffcustom"))
	p.enhanced(0, 4, "d", 1)
	got, r, err := mustRead(t, bytes.NewReader(p.b))
	if err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
	wantFrames(t, got, []Frame{{[]byte("a"), 1, 1000, 0, 0}, {[]byte("b"), 1, 2, 1, 0}, {[]byte("c"), 1, 3000, 2, 0},
		{[]byte("d"), 1, 4000, 3, 0}})
	if i := r.Interfaces(); len(i) != 4 || i[1].LinkType != 113 {
		t.Errorf("interfaces %+v", i)
	}
}

func TestPcapngInterfacesGrow(t *testing.T) {
	p := newPcapng(binary.LittleEndian)
	p.enhanced(0, 0, "a", 1)
	p.iface(1, 0)
	p.enhanced(1, 0, "b", 1)
	r, err := NewReader(bytes.NewReader(p.b), "test")
	if err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 2; want++ {
		var f Frame
		if err := r.Next(&f); err != nil || len(r.Interfaces()) != want || f.Interface != want-1 {
			t.Errorf("error %v, interface %d of %d, want %d of %d", err, f.Interface, len(r.Interfaces()), want-1, want)
		}
	}
}

func TestPcapngSimplePacketLength(t *testing.T) {
	tests := []struct {
		name     string
		snap     uint32
		data     string
		original uint32
		want     string
	}{
		{"whole, with padding", 0, "abcde", 5, "abcde"},
		{"cut by the snap length", 3, "abc", 1000, "abc"},
		{"cut by the block", 0, "abcd", 1000, "abcd"},
		{"empty", 0, "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &pcapng{}
			p.section(binary.LittleEndian, -1)
			p.iface(1, tt.snap)
			p.simple(tt.data, tt.original)
			got, _, _ := mustRead(t, bytes.NewReader(p.b))
			wantFrames(t, got, []Frame{{[]byte(tt.want), int(tt.original), 0, 0, 0}})
		})
	}
}

func TestPcapngTime(t *testing.T) {
	resolution := func(b byte) pcapngOption { return pcapngOption{optionTimeResolution, []byte{b}} }
	offset := func(s int64) pcapngOption {
		return pcapngOption{optionTimeOffset, binary.LittleEndian.AppendUint64(nil, uint64(s))}
	}
	tests := []struct {
		name    string
		options []pcapngOption
		ticks   uint64
		want    int64
	}{
		{"microseconds where nothing is said", nil, 1_700_000_000_000_001, 1_700_000_000_000_001_000},
		{"seconds", []pcapngOption{resolution(0)}, 1_700_000_000, 1_700_000_000_000_000_000},
		{"nanoseconds", []pcapngOption{resolution(9)}, 1_700_000_000_000_000_001, 1_700_000_000_000_000_001},
		{"picoseconds", []pcapngOption{resolution(12)}, 1_700_000_000_123_456_789, 1_700_000_000_123_456},
		{"10^-28, the last whose ticks are worth anything", []pcapngOption{resolution(28)}, math.MaxUint64, 1},
		{"10^-29, whose divisor has no place in 64 bits", []pcapngOption{resolution(29)}, 1 << 63, 0},
		{"10^-127", []pcapngOption{resolution(127)}, 1 << 63, 0},
		{"2^0", []pcapngOption{resolution(0x80)}, 1_700_000_000, 1_700_000_000_000_000_000},
		{"2^-10", []pcapngOption{resolution(0x8a)}, 1_700_000_000<<10 | 512, 1_700_000_000_500_000_000},
		{"2^-32", []pcapngOption{resolution(0xa0)}, 1_700_000_000<<32 | 1<<31, 1_700_000_000_500_000_000},
		{"2^-64", []pcapngOption{resolution(0xc0)}, 1 << 63, 500_000_000},
		{"2^-70", []pcapngOption{resolution(0xc6)}, 1 << 63, 7_812_500},
		{"2^-127", []pcapngOption{resolution(0xff)}, math.MaxUint64, 0},
		{"too late", nil, math.MaxUint64, math.MaxInt64},
		{"too late by 64 bits", nil, 1 << 63, math.MaxInt64},
		{"too late, and then an offset", []pcapngOption{resolution(9), offset(-5)}, 1 << 63,
			math.MaxInt64 - 5_000_000_000},
		{"too late in nanoseconds", []pcapngOption{resolution(9)}, math.MaxUint64, math.MaxInt64},
		{"too late in 2^0", []pcapngOption{resolution(0x80)}, math.MaxUint64, math.MaxInt64},
		{"offset before resolution", []pcapngOption{offset(1_700_000_000), resolution(9)}, 1,
			1_700_000_000_000_000_001},
		{"offset after resolution", []pcapngOption{resolution(9), offset(1_700_000_000)}, 1, 1_700_000_000_000_000_001},
		{"before 1970", []pcapngOption{offset(-5)}, 1, -5_000_000_000 + 1000},
		{"offset too far ahead", []pcapngOption{offset(math.MaxInt64)}, 1_700_000_000_000_000, math.MaxInt64},
		{"offset too far back", []pcapngOption{offset(math.MinInt64)}, 0, -9_223_372_036_000_000_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &pcapng{}
			p.section(binary.LittleEndian, -1)
			p.iface(1, 0, tt.options...)
			p.enhanced(0, tt.ticks, "frame", 5)
			got, _, _ := mustRead(t, bytes.NewReader(p.b))
			wantFrames(t, got, []Frame{{[]byte("frame"), 5, tt.want, 0, 0}})
		})
	}
}

func TestPcapngInterfaceText(t *testing.T) {
	long := strings.Repeat("é", maxInterfaceText)
	p := &pcapng{}
	p.section(binary.LittleEndian, -1)
	p.iface(1, 0, text(optionName, "eth0\x00rest"), text(optionDescription, long))
	p.iface(1, 0, text(optionName, "a\xffb"), text(optionEnd, ""), text(optionName, "after the end"))
	_, r, err := mustRead(t, bytes.NewReader(p.b))
	want := []Interface{{"eth0", strings.Repeat("é", maxInterfaceText/2), 1, 0, 0}, {"ab", "", 1, 0, 1}}
	if err != io.EOF || !slices.Equal(r.Interfaces(), want) {
		t.Errorf("error %v, interfaces %+v, want %+v", err, r.Interfaces(), want)
	}
}

func TestPcapngCorrupt(t *testing.T) {
	little := binary.LittleEndian
	// put overwrites 4 bytes at an offset within what build appends.
	put := func(p *pcapng, at int, v uint32) { little.PutUint32(p.b[at:], v) }
	tests := []struct {
		name    string
		corrupt func(p *pcapng, start int) // appends damaged data at start
	}{
		{"length is no multiple of 4", func(p *pcapng, start int) {
			p.enhanced(0, 0, "frame", 5)
			put(p, start+4, 41)
		}},
		{"length of 0", func(p *pcapng, start int) { p.enhanced(0, 0, "frame", 5); put(p, start+4, 0) }},
		{"length of 0 in a block of no interest", func(p *pcapng, start int) { p.block(99, nil); put(p, start+4, 0) }},
		{"length 8 in a block of no interest", func(p *pcapng, start int) { p.block(99, nil); put(p, start+4, 8) }},
		{"packet block too short for its fields", func(p *pcapng, start int) {
			p.block(blockEnhancedPacket, make([]byte, 16))
		}},
		{"obsolete packet block too short", func(p *pcapng, start int) {
			p.block(blockObsoletePacket, make([]byte, 16))
		}},
		{"simple packet block too short", func(p *pcapng, start int) { p.block(blockSimplePacket, nil) }},
		{"interface block too short", func(p *pcapng, start int) { p.block(blockInterface, make([]byte, 4)) }},
		{"block longer than MaxRecordLength", func(p *pcapng, start int) {
			p.enhanced(0, 0, "", 0)
			put(p, start+4, MaxRecordLength+4)
		}},
		{"lengths differ", func(p *pcapng, start int) { p.enhanced(0, 0, "", 0); put(p, start+28, 36) }},
		{"lengths differ in a block of no interest", func(p *pcapng, start int) {
			p.block(99, nil)
			put(p, start+8, 16)
		}},
		{"captured more than the block has", func(p *pcapng, start int) {
			p.enhanced(0, 0, "frame", 5)
			put(p, start+20, 9)
		}},
		{"captured length beyond 31 bits", func(p *pcapng, start int) {
			p.enhanced(0, 0, "frame", 5)
			put(p, start+20, 1<<32-1)
		}},
		{"interface that is not declared", func(p *pcapng, start int) { p.enhanced(1, 0, "frame", 5) }},
		{"interface beyond 31 bits", func(p *pcapng, start int) { p.enhanced(1<<32-1, 0, "frame", 5) }},
		{"obsolete packet of an interface that is not declared", func(p *pcapng, start int) {
			p.obsolete(1, 0, 0, "frame", 5)
		}},
		{"byte-order magic unknown", func(p *pcapng, start int) { p.section(little, -1); put(p, start+8, 0xffffffff) }},
		{"section of another version", func(p *pcapng, start int) { p.section(little, -1); put(p, start+12, 2) }},
		{"section too short", func(p *pcapng, start int) { p.section(little, -1); put(p, start+4, 24) }},
		{"option longer than the block", func(p *pcapng, start int) {
			p.iface(1, 0, text(optionName, "eth0"))
			little.PutUint16(p.b[start+18:], 5)
		}},
		{"options end within a head", func(p *pcapng, start int) {
			p.block(blockInterface, make([]byte, 8))
			p.b = p.b[:start]
			p.block(blockInterface, append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 2, 0, 0xff, 0xff))
		}},
		{"resolution of 2 bytes", func(p *pcapng, start int) { p.iface(1, 0, text(optionTimeResolution, "\x06\x00")) }},
		{"offset of 4 bytes", func(p *pcapng, start int) { p.iface(1, 0, text(optionTimeOffset, "\x06\x00\x00\x00")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPcapng(little)
			p.enhanced(0, 0, "good", 4)
			start := len(p.b)
			tt.corrupt(p, start)
			p.enhanced(0, 0, "after", 5)
			got, r, err := mustRead(t, bytes.NewReader(p.b))
			wantFrames(t, got, []Frame{{[]byte("good"), 4, 0, 0, 0}})
			wantFormatError(t, err, int64(start), false)
			if again := r.Next(new(Frame)); again != err {
				t.Errorf("Next after its error: %v, want the same", again)
			}
		})
	}
}

// TestPcapngDirection: a packet's flags give its direction; truncated or unknown options give none and lose nothing.
func TestPcapngDirection(t *testing.T) {
	for _, order := range []byteOrder{binary.LittleEndian, binary.BigEndian} {
		flags := func(v uint32) string {
			head := order.AppendUint16(order.AppendUint16(nil, 2), 4)
			return string(order.AppendUint32(head, v))
		}
		comment := string(order.AppendUint16(order.AppendUint16(nil, 1), 3)) + "abc\x00"
		long := string(order.AppendUint16(order.AppendUint16(nil, 1), 0xffff))
		for _, c := range []struct {
			options string
			want    packet.Direction
		}{
			{"", 0}, {flags(0), 0}, {flags(1), packet.Inbound}, {flags(0x1e2), packet.Outbound}, {flags(3), 0},
			{comment + flags(2), packet.Outbound}, {"\x00\x00\x00\x00" + flags(1), 0}, {long + flags(1), 0},
			{"\x00\x02\x00", 0},
		} {
			f := newPcapng(order)
			body := f.packetBody(f.order.AppendUint32(nil, 0), 1, 5, 60, "frame")
			f.block(blockEnhancedPacket, append(append(body, 0, 0, 0), c.options...))
			frames, _, err := mustRead(t, bytes.NewReader(f.b))
			if err != io.EOF || len(frames) != 1 || string(frames[0].Data) != "frame" || frames[0].Direction != c.want {
				t.Errorf("options %q: %+v, %v; want direction %d", c.options, frames, err, c.want)
			}
		}
	}
}

func TestPcapngPacketBeforeInterface(t *testing.T) {
	for name, build := range map[string]func(*pcapng){
		"enhanced": func(p *pcapng) { p.enhanced(0, 0, "frame", 5) },
		"obsolete": func(p *pcapng) { p.obsolete(0, 0, 0, "frame", 5) },
		"simple":   func(p *pcapng) { p.simple("frame", 5) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPcapng(binary.LittleEndian) // its interface does not count in the next section
			p.section(binary.LittleEndian, -1)
			start := len(p.b)
			build(p)
			_, _, err := mustRead(t, bytes.NewReader(p.b))
			wantFormatError(t, err, int64(start), false)
		})
	}
}

func TestPcapngInterfaceLimit(t *testing.T) {
	p := &pcapng{}
	p.section(binary.LittleEndian, -1)
	for range MaxInterfaces {
		p.iface(1, 0)
	}
	last := len(p.b)
	p.enhanced(MaxInterfaces-1, 0, "frame", 5)
	p.section(binary.LittleEndian, -1)
	p.iface(1, 0)
	got, r, err := mustRead(t, bytes.NewReader(p.b))
	if len(got) != 1 || len(r.Interfaces()) != MaxInterfaces {
		t.Errorf("%d frames and %d interfaces, want 1 and %d", len(got), len(r.Interfaces()), MaxInterfaces)
	}
	wantFormatError(t, err, int64(last)+blockFrameLength+20+8+sectionLength, false)
}

// TestPcapngSkipIsNotHeld has an irrelevant block larger than any that the reader would hold in memory.
func TestPcapngSkipIsNotHeld(t *testing.T) {
	p := newPcapng(binary.LittleEndian)
	p.block(10, make([]byte, MaxRecordLength+100))
	p.enhanced(0, 0, "frame", 5)
	got, r, err := mustRead(t, bytes.NewReader(p.b))
	if err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
	wantFrames(t, got, []Frame{{[]byte("frame"), 5, 0, 0, 0}})
	if len(r.window.buf) != windowSize {
		t.Errorf("the window grew to %d bytes", len(r.window.buf))
	}
}
