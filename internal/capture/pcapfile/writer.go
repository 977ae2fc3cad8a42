// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/weirnet/weir/internal/packet"
)

// Writer writes a pcap file, little-endian and with nanoseconds. Each packet is one call of Write on the underlying
// writer, so a bufio.Writer there pays off.
type Writer struct {
	w          io.Writer
	snapLength int
	record     []byte // scratch
}

// NewWriter writes the file header. It cuts packets at snapLength bytes; 0 means MaxSnapLength.
func NewWriter(w io.Writer, link packet.LinkType, snapLength int) (*Writer, error) {
	if snapLength == 0 {
		snapLength = MaxSnapLength
	}
	if snapLength < 0 || snapLength > MaxRecordLength {
		return nil, fmt.Errorf("pcap: snap length %d is not within 0 and %d", snapLength, MaxRecordLength)
	}
	if link > linkTypeMask {
		return nil, fmt.Errorf("pcap: link type %d has more than 16 bits", link)
	}
	head := make([]byte, 0, fileHeaderLength)
	head = binary.LittleEndian.AppendUint32(head, magicNanoseconds)
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...) // reserved
	head = binary.LittleEndian.AppendUint32(head, uint32(snapLength))
	head = binary.LittleEndian.AppendUint32(head, uint32(link))
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	return &Writer{w: w, snapLength: snapLength}, nil
}

// WritePacket writes a packet: its time in nanoseconds since the Unix epoch, its bytes, and its length on the wire,
// which counts as at least len(data). A pcap file holds times from 1970 to 2106.
func (w *Writer) WritePacket(timeNS int64, data []byte, wireLen int) error {
	if timeNS < 0 || timeNS/1e9 > math.MaxUint32 {
		return fmt.Errorf("pcap: time %d is not within 1970 and 2106", timeNS)
	}
	wireLen = max(wireLen, len(data))
	data = data[:min(len(data), w.snapLength)]
	b := w.record[:0]
	b = binary.LittleEndian.AppendUint32(b, uint32(timeNS/1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(timeNS%1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(wireLen))
	b = append(b, data...)
	w.record = b
	_, err := w.w.Write(b)
	return err
}
