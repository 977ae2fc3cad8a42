// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

// A record is a header and a report, whose line is a zstd frame if it is long (Pack). The header, little endian: magic,
// length of the rest, CRC32C of the rest, CRC32C of these 12 bytes. So a reader trusts the length before it trusts the
// rest, and finds the next record after damage: the magic is no UTF-8, which a report's line is, and no
// frame that is kept has it: an agent could forge a record of another's that way.
var magic = [4]byte{0xFF, 'W', 'Q', 0xFE}

const (
	headerSize = 16
	// maxRecord bounds a record: a line with its agent, epoch, sequence and time.
	maxRecord = uplink.MaxReports + 1<<10
	maxID     = 64 // bytes of an agent or an epoch
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends a report's record up to the line, which follows it.
func appendRecord(b []byte, r *store.Report) []byte {
	start := len(b)
	b = append(b, make([]byte, headerSize)...)
	b = append(append(b, byte(len(r.Agent))), r.Agent...)
	b = append(append(b, byte(len(r.Epoch))), r.Epoch...)
	b = binary.LittleEndian.AppendUint64(b, r.Sequence)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Received.UnixNano()))
	header, rest := b[start:start+headerSize], b[start+headerSize:]
	copy(header, magic[:])
	binary.LittleEndian.PutUint32(header[4:], uint32(len(rest)+len(r.Line)))
	sum := crc32.Update(crc32.Checksum(rest, castagnoli), castagnoli, r.Line)
	binary.LittleEndian.PutUint32(header[8:], sum)
	binary.LittleEndian.PutUint32(header[12:], crc32.Checksum(header[:12], castagnoli))
	return b
}

// recordSize returns the bytes of a report's record.
func recordSize(r *store.Report) int64 {
	return headerSize + 2 + int64(len(r.Agent)+len(r.Epoch)) + 16 + int64(len(r.Line))
}

// parseRecord reads a record's rest, which the report keeps.
func parseRecord(b []byte) (r store.Report, ok bool) {
	text := func() string {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			b = nil
			return ""
		}
		s := string(b[1 : 1+b[0]])
		b = b[1+len(s):]
		return s
	}
	r.Agent, r.Epoch = text(), text()
	if len(b) < 16 {
		return store.Report{}, false
	}
	r.Sequence = binary.LittleEndian.Uint64(b)
	r.Received = time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:])))
	r.Line = b[16:]
	return r, true
}

// scanner reads the records of a segment, and passes over what is damaged.
type scanner struct {
	in      io.ReaderAt
	at, end int64
	damaged int64 // bytes passed over
	chunk   []byte
}

// next returns the next report; io.EOF after the last one, and the file's error.
func (s *scanner) next() (store.Report, error) {
	for s.at+headerSize <= s.end {
		length, sum, ok, err := s.header(s.at)
		if err != nil {
			return store.Report{}, err
		}
		end := s.at + headerSize + length
		if !ok || end > s.end {
			if err := s.resync(); err != nil {
				return store.Report{}, err
			}
			continue
		}
		b := make([]byte, length)
		if err := readAt(s.in, b, s.at+headerSize); err != nil {
			return store.Report{}, err
		}
		start := s.at
		s.at = end
		if crc32.Checksum(b, castagnoli) == sum {
			if r, ok := parseRecord(b); ok {
				return r, nil
			}
		}
		s.damaged += end - start
	}
	s.damaged += max(s.end-s.at, 0)
	s.at = max(s.at, s.end)
	return store.Report{}, io.EOF
}

// header reads the header at that place.
func (s *scanner) header(at int64) (length int64, sum uint32, ok bool, err error) {
	var h [headerSize]byte
	if err := readAt(s.in, h[:], at); err != nil {
		return 0, 0, false, err
	}
	length = int64(binary.LittleEndian.Uint32(h[4:]))
	ok = bytes.Equal(h[:4], magic[:]) && binary.LittleEndian.Uint32(h[12:]) == crc32.Checksum(h[:12], castagnoli) &&
		length <= maxRecord
	return length, binary.LittleEndian.Uint32(h[8:]), ok, nil
}

// resync moves on to the next header, or to the end.
func (s *scanner) resync() error {
	start := s.at
	if s.chunk == nil {
		s.chunk = make([]byte, 64<<10)
	}
	for at := s.at + 1; at+headerSize <= s.end; {
		b := s.chunk[:min(int64(len(s.chunk)), s.end-at)]
		if err := readAt(s.in, b, at); err != nil {
			return err
		}
		i := bytes.Index(b, magic[:])
		if i < 0 {
			at += int64(len(b) - len(magic) + 1)
			continue
		}
		at += int64(i)
		if at+headerSize > s.end {
			break
		}
		if _, _, ok, err := s.header(at); err != nil {
			return err
		} else if ok {
			s.damaged, s.at = s.damaged+at-start, at
			return nil
		}
		at++
	}
	s.damaged, s.at = s.damaged+s.end-start, s.end
	return nil
}

// readAt fills b. A file that ends early is an error, as its size was known.
func readAt(in io.ReaderAt, b []byte, at int64) error {
	n, err := in.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
