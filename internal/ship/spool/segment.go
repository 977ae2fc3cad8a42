// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirnet/weir/internal/ship/compress"
)

// A segment is a file with one report: a header, and the report as it will be sent. All numbers are little-endian.
//
//	 0  magic "weir"
//	 4  version
//	 5  encoding (compress.Encoding)
//	 6  two zero bytes
//	 8  generation
//	16  sequence
//	24  epoch, 16 bytes
//	40  time of the spool's clock, nanoseconds since the Unix epoch
//	48  length of the report
//	56  CRC32C of the report
//	60  CRC32C of the header before this field
//	64  the report
const (
	segmentMagic   = "weir"
	segmentVersion = 1
	headerSize     = 64
	// MaxReport is the largest report that a spool takes, in bytes.
	MaxReport = 32 << 20
)

// castagnoli is the polynomial of CRC32C (RFC 3720, appendix B.4).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// position is the place of a report in the order in which reports are sent. A generation counts the epochs of a spool.
type position struct{ generation, sequence uint64 }

func (p position) compare(q position) int {
	switch {
	case p == q:
		return 0
	case p.generation < q.generation || p.generation == q.generation && p.sequence < q.sequence:
		return -1
	default:
		return 1
	}
}

// label names a report: its position is where its epoch puts it.
type label struct {
	position
	epoch Epoch
}

const segmentSuffix = ".report"

// name is the file's, so that names sort as reports are sent.
func (l label) name() string {
	return fmt.Sprintf("%016x-%016x-%s%s", l.generation, l.sequence, l.epoch, segmentSuffix)
}

// parseName reads the name of a segment's file.
func parseName(name string) (l label, ok bool) {
	text, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(text) != 16+1+16+1+32 || text[16] != '-' || text[33] != '-' {
		return l, false
	}
	var b [32]byte
	if _, err := hex.Decode(b[:], []byte(text[:16]+text[17:33]+text[34:])); err != nil {
		return l, false
	}
	l.generation, l.sequence = binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
	copy(l.epoch[:], b[16:])
	return l, l.name() == name // no upper case
}

// header describes the segment of a report.
type header struct {
	label
	encoding compress.Encoding
	time     int64
	length   uint64
	sum      uint32
}

func (h *header) append(b []byte) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = append(b, segmentVersion, byte(h.encoding), 0, 0)
	b = binary.LittleEndian.AppendUint64(b, h.generation)
	b = binary.LittleEndian.AppendUint64(b, h.sequence)
	b = append(b, h.epoch[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.time))
	b = binary.LittleEndian.AppendUint64(b, h.length)
	b = binary.LittleEndian.AppendUint32(b, h.sum)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// errDamaged is that of a file that is not what the spool wrote.
var errDamaged = errors.New("damaged")

func parseHeader(b []byte) (h header, err error) {
	if len(b) < headerSize || string(b[:4]) != segmentMagic || b[4] != segmentVersion || b[6] != 0 || b[7] != 0 ||
		binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) {
		return h, errDamaged
	}
	h.encoding = compress.Encoding(b[5])
	h.generation, h.sequence = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	copy(h.epoch[:], b[24:])
	h.time, h.length = int64(binary.LittleEndian.Uint64(b[40:])), binary.LittleEndian.Uint64(b[48:])
	h.sum = binary.LittleEndian.Uint32(b[56:])
	if !h.encoding.IsValid() || h.length > MaxReport {
		return h, errDamaged
	}
	return h, nil
}

// readSegment reads a whole segment: errDamaged if it is not what was written, another error if it can't be read.
func readSegment(r io.Reader) (h header, report []byte, err error) {
	var b [headerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return h, nil, damaged(err)
	}
	if h, err = parseHeader(b[:]); err != nil {
		return h, nil, err
	}
	report = make([]byte, h.length)
	if _, err := io.ReadFull(r, report); err != nil {
		return h, nil, damaged(err)
	}
	switch n, err := r.Read(b[:1]); {
	case n > 0 || crc32.Checksum(report, castagnoli) != h.sum:
		return h, nil, errDamaged
	case err != nil && err != io.EOF:
		return h, nil, err
	}
	return h, report, nil
}

// damaged translates a file that is too short.
func damaged(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errDamaged
	}
	return err
}

// IsFile reports whether a file that begins so is one of a spool's reports.
func IsFile(begin []byte) bool {
	return len(begin) >= len(segmentMagic) && string(begin[:len(segmentMagic)]) == segmentMagic
}

// ReadFile returns the report in a file of a spool, uncompressed. It needs no spool, which another process may use.
func ReadFile(r io.Reader) (report []byte, err error) {
	h, body, err := readSegment(r)
	if err != nil {
		return nil, fmt.Errorf("read a spooled report: %w", err)
	}
	if report, err = compress.Decompress(body, h.encoding, MaxReport); err != nil {
		return nil, fmt.Errorf("read a spooled report: %w", err)
	}
	return report, nil
}

// Files returns the names of the reports in a spool's folder, in the order in which they are sent.
func Files(folder string) (paths []string, err error) {
	all, err := os.ReadDir(folder) // sorted
	for _, e := range all {
		if _, ok := parseName(e.Name()); ok && e.Type().IsRegular() {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	return paths, err
}
