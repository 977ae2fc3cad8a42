// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

func TestPcapVariants(t *testing.T) {
	big, little := byteOrder(binary.BigEndian), byteOrder(binary.LittleEndian)
	record := pcapRecord{1_700_000_000, 123_456, 5, 60, "frame"}
	micro := Frame{[]byte("frame"), 60, 1_700_000_000_123_456_000, 0, 0}
	tests := []struct {
		name   string
		file   pcapFile
		record pcapRecord
		want   Frame
	}{
		{"little-endian, microseconds", pcapFile{little, magicMicroseconds, 2, 4, 65535, 1}, record, micro},
		{"big-endian, microseconds", pcapFile{big, magicMicroseconds, 2, 4, 65535, 1}, record, micro},
		{"little-endian, nanoseconds", pcapFile{little, magicNanoseconds, 2, 4, 65535, 1},
			pcapRecord{1_700_000_000, 123_456_789, 5, 60, "frame"},
			Frame{[]byte("frame"), 60, 1_700_000_000_123_456_789, 0, 0}},
		{"big-endian, nanoseconds", pcapFile{big, magicNanoseconds, 2, 4, 65535, 1},
			pcapRecord{1_700_000_000, 123_456_789, 5, 60, "frame"},
			Frame{[]byte("frame"), 60, 1_700_000_000_123_456_789, 0, 0}},
		{"little-endian, modified", pcapFile{little, magicModified, 2, 4, 65535, 1}, record, micro},
		{"big-endian, modified", pcapFile{big, magicModified, 2, 4, 65535, 1}, record, micro},
		{"version 2.1 has the lengths swapped", pcapFile{little, magicMicroseconds, 2, 1, 65535, 1},
			pcapRecord{1_700_000_000, 123_456, 60, 5, "frame"}, micro},
		{"version 2.2 as well", pcapFile{little, magicMicroseconds, 2, 2, 65535, 1},
			pcapRecord{1_700_000_000, 123_456, 60, 5, "frame"}, micro},
		{"version 2.3 with swapped lengths", pcapFile{little, magicMicroseconds, 2, 3, 65535, 1},
			pcapRecord{1_700_000_000, 123_456, 60, 5, "frame"}, micro},
		{"version 2.3 with lengths in order", pcapFile{little, magicMicroseconds, 2, 3, 65535, 1}, record, micro},
		{"version 543.0 of DG/UX", pcapFile{big, magicMicroseconds, 543, 0, 65535, 1},
			pcapRecord{1_700_000_000, 123_456, 60, 5, "frame"}, micro},
		{"version of the future", pcapFile{little, magicMicroseconds, 3, 0, 65535, 1}, record, micro},
		{"link type with the length of the FCS", pcapFile{little, magicMicroseconds, 2, 4, 65535, 0x24000001}, record,
			micro},
		{"no snap length", pcapFile{little, magicMicroseconds, 2, 4, 0, 1}, record, micro},
		{"longer than the snap length", pcapFile{little, magicMicroseconds, 2, 4, 4, 1}, record, micro},
		{"length on the wire below what was captured", pcapFile{little, magicMicroseconds, 2, 4, 65535, 1},
			pcapRecord{1_700_000_000, 123_456, 5, 0, "frame"}, Frame{[]byte("frame"), 5, 1_700_000_000_123_456_000, 0,
				0}},
		{"latest time and largest fraction", pcapFile{little, magicMicroseconds, 2, 4, 65535, 1},
			pcapRecord{1<<32 - 1, 1<<32 - 1, 5, 60, "frame"}, Frame{[]byte("frame"), 60, 4_294_967_295e9 +
				4_294_967_295e3, 0, 0}},
		{"length on the wire beyond 31 bits", pcapFile{little, magicMicroseconds, 2, 4, 65535, 1},
			pcapRecord{1_700_000_000, 123_456, 5, 1<<32 - 1, "frame"}, Frame{[]byte("frame"), 1<<31 - 1,
				1_700_000_000_123_456_000, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, r, err := mustRead(t, bytes.NewReader(tt.file.build(tt.record, tt.record)))
			if err != io.EOF {
				t.Errorf("at the end: %v, want io.EOF", err)
			}
			wantFrames(t, got, []Frame{tt.want, tt.want})
			want := Interface{LinkType: ethernet, SnapLength: int(tt.file.snap)}
			if i := r.Interfaces(); len(i) != 1 || i[0] != want {
				t.Errorf("interfaces %+v, want one, %+v", i, want)
			}
		})
	}
}

func TestPcapRecordLengthLimit(t *testing.T) {
	tests := []struct {
		name    string
		snap    uint32
		longest uint32
	}{
		{"small snap length", 96, MaxSnapLength},
		{"tcpdump's largest", MaxSnapLength, MaxSnapLength},
		{"larger snap length", 1 << 20, 1 << 20},
		{"absurd snap length", 1<<32 - 1, MaxRecordLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := plainPcap
			file.snap = tt.snap
			data := strings.Repeat("x", int(tt.longest))
			got, r, err := mustRead(t, bytes.NewReader(file.build(
				pcapRecord{first: tt.longest, second: tt.longest, data: data},
				pcapRecord{first: tt.longest + 1, second: tt.longest + 1, data: data + "x"})))
			if len(got) != 1 || len(got[0].Data) != int(tt.longest) {
				t.Errorf("%d frames, want the first", len(got))
			}
			wantFormatError(t, err, fileHeaderLength+16+int64(tt.longest), false)
			if size := len(r.window.buf); size > 2*MaxRecordLength {
				t.Errorf("the window grew to %d bytes", size)
			}
		})
	}
}

func TestPcapCorruptLengthReadsNothing(t *testing.T) {
	b := plainPcap.build(pcapRecord{first: 1<<32 - 1, second: 1<<32 - 1, data: "frame"})
	got, r, err := mustRead(t, bytes.NewReader(b))
	wantFrames(t, got, nil)
	wantFormatError(t, err, fileHeaderLength, false)
	if len(r.window.buf) != windowSize {
		t.Errorf("the window grew to %d bytes", len(r.window.buf))
	}
}

// wantFormatError checks that err is a FormatError at the offset.
func wantFormatError(t testing.TB, err error, offset int64, truncated bool) {
	t.Helper()
	var format *FormatError
	if !errors.As(err, &format) {
		t.Fatalf("error %v, want a FormatError", err)
	}
	if format.Offset != offset || format.Truncated != truncated || format.Name != "test" || format.Reason == "" {
		t.Errorf("%+v, want one at %d, truncated %v", *format, offset, truncated)
	}
}

func TestWriterRefuses(t *testing.T) {
	if _, err := NewWriter(io.Discard, ethernet, MaxRecordLength+1); err == nil {
		t.Error("a snap length beyond MaxRecordLength was taken")
	}
	if _, err := NewWriter(io.Discard, ethernet, -1); err == nil {
		t.Error("a negative snap length was taken")
	}
	if _, err := NewWriter(io.Discard, packet.LinkType(1<<16), 0); err == nil {
		t.Error("a link type of 17 bits was taken")
	}
	w, err := NewWriter(io.Discard, ethernet, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, time := range []int64{-1, 1 << 32 * 1e9} {
		if err := w.WritePacket(time, nil, 0); err == nil {
			t.Errorf("time %d was taken", time)
		}
	}
}

func TestWriterAndReaderAgree(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, ethernet, 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		time int64
		data string
		wire int
	}{
		{0, "", 0},
		{1_700_000_000_123_456_789, "frame", 60},
		{1<<32*1e9 - 1, "cut at eight", 3},
	} {
		if err := w.WritePacket(p.time, []byte(p.data), p.wire); err != nil {
			t.Fatal(err)
		}
	}
	got, r, err := mustRead(t, &file)
	if err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
	wantFrames(t, got, []Frame{
		{nil, 0, 0, 0, 0},
		{[]byte("frame"), 60, 1_700_000_000_123_456_789, 0, 0},
		{[]byte("cut at e"), 12, 1<<32*1e9 - 1, 0, 0},
	})
	if i := r.Interfaces(); len(i) != 1 || i[0] != (Interface{LinkType: ethernet, SnapLength: 8}) {
		t.Errorf("interfaces %+v", i)
	}
}
