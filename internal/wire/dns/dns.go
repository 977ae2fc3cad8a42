// SPDX-License-Identifier: Apache-2.0

// Package dns reads DNS messages (RFC 1035 §4) in place: header, questions, records, names and service parameters.
//
// Only names are copied, into the caller's buffer. Offsets count from the message's first byte. No call allocates,
// recurses or reads more than one message's worth of bytes, whatever the message claims.
package dns

import (
	"encoding/binary"
	"errors"
)

const (
	// HeaderSize is the length of the fixed header, RFC 1035 §4.1.1.
	HeaderSize = 12
	// MaxLabel is the longest label, RFC 1035 §2.3.4.
	MaxLabel = 63
	// MaxName is the longest name on the wire, length bytes and root included, RFC 1035 §2.3.4.
	MaxName = 255
	// MaxText is the longest name from AppendName: each byte may need an escape.
	MaxText = 2 * MaxName
	// recordSize is the fixed part of a record after its name: type, class, TTL, data length.
	recordSize = 10
	// maxPointers bounds the pointers of one name: at least one label of two bytes must follow each.
	maxPointers = MaxName / 2
)

// Errors of this package. Each names the part of the message that contradicts the specification.
var (
	ErrTruncated = errors.New("dns: message ends too early")
	ErrLabel     = errors.New("dns: unknown label type")
	ErrPointer   = errors.New("dns: compression pointer does not go backwards")
	ErrName      = errors.New("dns: name is longer than 255 bytes")
	ErrParameter = errors.New("dns: malformed service parameter")
)

// Header is the fixed header of a message.
type Header struct {
	ID, Flags uint16
	// Questions to Additionals are the claimed entry counts of the four sections.
	Questions, Answers, Authorities, Additionals uint16
}

// Header flags, RFC 1035 §4.1.1 and RFC 2535 §6.1.
const (
	Response           = 0x8000
	Authoritative      = 0x0400
	Truncated          = 0x0200
	RecursionDesired   = 0x0100
	RecursionAvailable = 0x0080
	Reserved           = 0x0040
	AuthenticData      = 0x0020
	CheckingDisabled   = 0x0010
)

// Opcodes, from IANA's registry.
const (
	OpQuery  = 0
	OpInvers = 1
	OpStatus = 2
	OpNotify = 4
	OpUpdate = 5
	OpDSO    = 6
)

// IsResponse reports whether the message is a response.
func (h *Header) IsResponse() bool { return h.Flags&Response != 0 }

// Opcode returns the kind of query, 0 to 15.
func (h *Header) Opcode() int { return int(h.Flags >> 11 & 15) }

// RCode returns the header's part of the response code, 0 to 15.
func (h *Header) RCode() int { return int(h.Flags & 15) }

// Records returns how many records the three sections after the questions claim to have.
func (h *Header) Records() int { return int(h.Answers) + int(h.Authorities) + int(h.Additionals) }

// ParseHeader reads the header of msg.
func ParseHeader(msg []byte) (Header, error) {
	if len(msg) < HeaderSize {
		return Header{}, ErrTruncated
	}
	at := func(i int) uint16 { return binary.BigEndian.Uint16(msg[i:]) }
	return Header{at(0), at(2), at(4), at(6), at(8), at(10)}, nil
}

// Question is an entry of the question section.
type Question struct {
	// Name is the name's offset.
	Name        int
	Type, Class uint16
}

// ParseQuestion reads the question at off and returns the offset after it.
func ParseQuestion(msg []byte, off int) (Question, int, error) {
	end, err := SkipName(msg, off)
	if err != nil {
		return Question{}, 0, err
	}
	if len(msg)-end < 4 {
		return Question{}, 0, ErrTruncated
	}
	return Question{off, binary.BigEndian.Uint16(msg[end:]), binary.BigEndian.Uint16(msg[end+2:])}, end + 4, nil
}

// Record is a resource record, RFC 1035 §4.1.3.
type Record struct {
	// Name is the offset of the owner name.
	Name        int
	Type, Class uint16
	TTL         uint32 // seconds
	// Offset is the offset of Data, for names within it.
	Offset int
	Data   []byte
}

// ParseRecord reads the record at off and returns the offset after it.
func ParseRecord(msg []byte, off int) (Record, int, error) {
	at, err := SkipName(msg, off)
	if err != nil {
		return Record{}, 0, err
	}
	if len(msg)-at < recordSize {
		return Record{}, 0, ErrTruncated
	}
	r := Record{
		Name: off, Type: binary.BigEndian.Uint16(msg[at:]), Class: binary.BigEndian.Uint16(msg[at+2:]),
		TTL: binary.BigEndian.Uint32(msg[at+4:]), Offset: at + recordSize,
	}
	end := r.Offset + int(binary.BigEndian.Uint16(msg[at+8:]))
	if end > len(msg) {
		return Record{}, 0, ErrTruncated
	}
	r.Data = msg[r.Offset:end]
	return r, end, nil
}

// SkipName checks the literal part of the name at off and returns the offset after it. A final pointer must go back to
// before the name, behind the header; AppendName checks its target.
func SkipName(msg []byte, off int) (int, error) {
	for at := off; ; {
		if at < 0 || at >= len(msg) {
			return 0, ErrTruncated
		}
		switch n := int(msg[at]); {
		case n == 0:
			if at+1-off > MaxName {
				return 0, ErrName
			}
			return at + 1, nil
		case n <= MaxLabel:
			at += 1 + n
			if at-off > MaxName {
				return 0, ErrName
			}
		case n >= 0xc0:
			if at+2 > len(msg) {
				return 0, ErrTruncated
			}
			if to := pointer(msg, at); to < HeaderSize || to >= off {
				return 0, ErrPointer
			}
			return at + 2, nil
		default:
			return 0, ErrLabel
		}
	}
}

func pointer(msg []byte, at int) int { return int(msg[at]&0x3f)<<8 | int(msg[at+1]) }

// labels walks the labels of one name across its pointers.
type labels struct {
	msg      []byte
	at       int
	floor    int // the next pointer must go before this
	length   int // so far, in uncompressed wire form
	pointers int
}

func newLabels(msg []byte, off int) labels { return labels{msg: msg, at: off, floor: off} }

// next returns the next label, empty at the root.
func (l *labels) next() ([]byte, error) {
	for {
		if l.at < 0 || l.at >= len(l.msg) {
			return nil, ErrTruncated
		}
		switch n := int(l.msg[l.at]); {
		case n <= MaxLabel:
			if l.length += n + 1; l.length > MaxName {
				return nil, ErrName
			}
			start := l.at + 1
			if start+n > len(l.msg) {
				return nil, ErrTruncated
			}
			l.at = start + n
			return l.msg[start:l.at], nil
		case n >= 0xc0:
			if l.at+2 > len(l.msg) {
				return nil, ErrTruncated
			}
			to := pointer(l.msg, l.at)
			if l.pointers++; to < HeaderSize || to >= l.floor || l.pointers > maxPointers {
				return nil, ErrPointer
			}
			l.at, l.floor = to, to
		default:
			return nil, ErrLabel
		}
	}
}

// AppendName appends the name at off as text: labels with dots between, no final dot, nothing for the root. A backslash
// precedes each dot or backslash within a label; other bytes stay unchanged. It appends at most MaxText bytes.
func AppendName(dst, msg []byte, off int) ([]byte, error) {
	start := len(dst)
	for l := newLabels(msg, off); ; {
		label, err := l.next()
		if err != nil || len(label) == 0 {
			return dst, err
		}
		if len(dst) > start {
			dst = append(dst, '.')
		}
		for _, b := range label {
			if b == '.' || b == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, b)
		}
	}
}

// EqualNames reports whether the names at a and b are well-formed and equal, ignoring case (RFC 4343).
func EqualNames(msg []byte, a, b int) bool {
	if a == b {
		_, err := SkipName(msg, a)
		return err == nil
	}
	for x, y := newLabels(msg, a), newLabels(msg, b); ; {
		p, errX := x.next()
		q, errY := y.next()
		switch {
		case errX != nil || errY != nil || len(p) != len(q):
			return false
		case len(p) == 0:
			return true
		case x.at == y.at && x.floor == y.floor:
			return true // both continue at the same offset, so the rest is equal
		}
		for i := range p {
			if lower(p[i]) != lower(q[i]) {
				return false
			}
		}
	}
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
