// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
)

// compressedFrames are the frames in the captures of this file.
var compressedFrames = []Frame{{[]byte("first"), 5, 1_000_002_000, 0, 0}, {[]byte("second"), 6, 3_000_004_000, 0, 0}}

func compressedCapture() []byte {
	return plainPcap.build(pcapRecord{1, 2, 5, 5, "first"}, pcapRecord{3, 4, 6, 6, "second"})
}

func TestCompressionInPieces(t *testing.T) {
	b := compressedCapture()
	skipped := binary.LittleEndian.AppendUint32([]byte{0x53, 0x2a, 0x4d, 0x18}, 5) // RFC 8878 §3.1.2
	skipped = append(skipped, "notes"...)
	for name, file := range map[string][]byte{
		"two gzip members":                 slices.Concat(gzipped(t, b[:30]), gzipped(t, b[30:])),
		"two zstd frames":                  slices.Concat(zstandard(t, b[:30]), zstandard(t, b[30:])),
		"zstd after a frame to skip":       slices.Concat(skipped, zstandard(t, b)),
		"gzip members, the first is empty": slices.Concat(gzipped(t, nil), gzipped(t, b)),
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := mustRead(t, bytes.NewReader(file))
			if err != io.EOF {
				t.Errorf("at the end: %v, want io.EOF", err)
			}
			wantFrames(t, got, compressedFrames)
		})
	}
}

// zstdOfWindow returns a zstd frame that requests a window of 2^log bytes, and holds b in one raw block (RFC 8878
// §3.1.1).
func zstdOfWindow(log byte, b []byte) []byte {
	head := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1 | byte(len(b)<<3), byte(len(b) >> 5), 0}
	return append(head, b...)
}

func TestZstdWindowLimit(t *testing.T) {
	got, _, err := mustRead(t, bytes.NewReader(zstdOfWindow(27, compressedCapture())))
	if err != io.EOF {
		t.Errorf("a window of 128 MiB: %v, want io.EOF", err)
	}
	wantFrames(t, got, compressedFrames)
	_, err = NewReader(bytes.NewReader(zstdOfWindow(28, compressedCapture())), "test")
	wantFormatError(t, err, 0, false)
}

func TestCompressionCorrupt(t *testing.T) {
	b := compressedCapture()
	wrongSum := gzipped(t, b)
	wrongSum[len(wrongSum)-5] ^= 0xff // RFC 1952 §2.3.1: CRC32, then 4 bytes of length
	for name, file := range map[string][]byte{
		"wrong checksum":     wrongSum,
		"garbage after gzip": append(gzipped(t, b), "garbage, more than a header's length"...),
		"garbage after zstd": append(zstandard(t, b), "garbage"...),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(bytes.NewReader(file), "test")
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(r)
			wantFrames(t, got, compressedFrames)
			var format *FormatError
			if !errors.As(err, &format) || format.Truncated {
				t.Errorf("%v, want a FormatError that is not about the end", err)
			}
		})
	}
}
