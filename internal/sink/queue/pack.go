// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

// zstdMagic begins a frame (RFC 8878, section 3.1.1). No line does: a report's JSON begins with a brace.
var zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}

const (
	// leastPacked is the shortest line that is compressed.
	leastPacked = 512
	packWindow  = 1 << 20
	// maxFrame bounds what a frame becomes: a line with its end.
	maxFrame = uplink.MaxReports
)

var (
	packer, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(packWindow), zstd.WithLowerEncoderMem(true))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(uplink.MaxReports))
)

// Pack returns a report's line as the queue keeps it: compressed, unless that takes more room. The line may have come
// as a zstd frame of its own, with its end: that is kept, if it tells its length, and spares the work. The result is a
// copy.
func Pack(line, frame []byte) []byte {
	if len(line) < leastPacked {
		return bytes.Clone(line)
	}
	if len(frame) > 0 && len(frame) < len(line) {
		if size, ok := frameLength(frame); ok && size <= maxFrame && !bytes.Contains(frame, magic[:]) {
			return bytes.Clone(frame)
		}
	}
	packed := packer.EncodeAll(line, make([]byte, 0, len(line)/6))
	if len(packed) >= len(line) || bytes.Contains(packed, magic[:]) {
		return bytes.Clone(line)
	}
	return packed
}

// packAll packs the lines that are not.
func packAll(reports []store.Report) []store.Report {
	isLong := func(r store.Report) bool { return len(r.Line) >= leastPacked && !isPacked(r.Line) }
	if !slices.ContainsFunc(reports, isLong) {
		return reports
	}
	reports = slices.Clone(reports)
	for i := range reports {
		if isLong(reports[i]) {
			reports[i].Line = Pack(reports[i].Line, nil)
		}
	}
	return reports
}

func isPacked(line []byte) bool { return bytes.HasPrefix(line, zstdMagic) }

// Unpack returns a report's line of what Pack made; false if that is damaged, or larger than a report may be.
func Unpack(line []byte) ([]byte, bool) {
	if !isPacked(line) {
		return line, true
	}
	size, ok := frameLength(line)
	if !ok || size > maxFrame {
		return nil, false
	}
	plain, err := unpacker.DecodeAll(line, make([]byte, 0, min(size, uint64(len(line))*uplink.MaxRatio)))
	return bytes.Trim(plain, " \t\r\n"), err == nil && uint64(len(plain)) == size
}

// frameLength returns how long what is in a frame is.
func frameLength(frame []byte) (uint64, bool) {
	var h zstd.Header
	if h.Decode(frame) != nil || !h.HasFCS {
		return 0, false
	}
	return h.FrameContentSize, true
}
