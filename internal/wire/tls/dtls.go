// SPDX-License-Identifier: Apache-2.0

package tls

import "encoding/binary"

// DatagramRecordHeader is the length of a DTLS record header.
const DatagramRecordHeader = 13

// RecordACK is the highest content type of DTLS (RFC 9147 §7). The parser refuses recordCID below it, whose header has
// a connection ID of unknown length (RFC 9146 §4).
const (
	recordCID = 25
	RecordACK = 26
)

// maxEpoch bounds the epoch, which counts the few handshakes on a connection (RFC 6347 §4.1).
const maxEpoch = 15

// DatagramRecord is one DTLS record (RFC 6347 §4.1; RFC 9147 §4 for cleartext records).
type DatagramRecord struct {
	Type    uint8
	Version uint16
	// Epoch is 0 until encryption begins.
	Epoch uint16
	// Length is the declared length of the body.
	Length int
	// Body is the available part of the body.
	Body []byte
}

// ParseDatagramRecord reads the record at the start of b and returns the rest of the datagram, whose last missing bytes
// the capture omitted. ok is false if b has no record, or if it would exceed the datagram.
func ParseDatagramRecord(b []byte, missing int) (r DatagramRecord, rest []byte, ok bool) {
	if len(b) < DatagramRecordHeader || b[0] < RecordChangeCipherSpec || b[0] > RecordACK || b[0] == recordCID {
		return r, b, false
	}
	r.Type, r.Version = b[0], binary.BigEndian.Uint16(b[1:])
	r.Epoch, r.Length = binary.BigEndian.Uint16(b[3:]), int(binary.BigEndian.Uint16(b[11:]))
	switch r.Version {
	case VersionDTLS10, VersionDTLS12, VersionDTLSOld:
	default:
		return r, b, false // DTLS 1.3 writes 1.2 here
	}
	if r.Epoch > maxEpoch || r.Length == 0 || r.Length > MaxRecord || r.Length > len(b)-DatagramRecordHeader+missing {
		return r, b, false
	}
	end := min(DatagramRecordHeader+r.Length, len(b))
	r.Body = b[DatagramRecordHeader:end]
	return r, b[end:], true
}

// IsUnified reports whether b can begin with an encrypted record of DTLS 1.3 (RFC 9147 §4). The evidence is 3 fixed
// bits, so ask only after a hello.
func IsUnified(b []byte) bool { return len(b) > 0 && b[0]>>5 == 1 }

// FragmentHeader is the length of a DTLS handshake message header.
const FragmentHeader = 12

// Fragment is a part or all of a handshake message (RFC 6347 §4.2.2).
type Fragment struct {
	Type uint8
	// Length is the whole message's length, Offset this part's offset in it.
	Length, Offset int
	// Sequence is the message's number; retransmissions repeat it.
	Sequence uint16
	// Size is the part's declared length, Body its available bytes.
	Size int
	Body []byte
}

// ParseFragment reads the fragment at the start of a handshake record's body and returns the bytes after it. ok is
// false if its lengths contradict each other.
func ParseFragment(b []byte, missing int) (f Fragment, rest []byte, ok bool) {
	if len(b) < FragmentHeader {
		return f, b, false
	}
	f.Type, f.Length = b[0], uint24(b[1:])
	f.Sequence, f.Offset, f.Size = binary.BigEndian.Uint16(b[4:]), uint24(b[6:]), uint24(b[9:])
	if f.Offset+f.Size > f.Length || f.Size > len(b)-FragmentHeader+missing || f.Size == 0 && f.Length > 0 {
		return f, b, false
	}
	end := min(FragmentHeader+f.Size, len(b))
	f.Body = b[FragmentHeader:end]
	return f, b[end:], true
}
