// SPDX-License-Identifier: Apache-2.0

// Package tls parses what TLS and DTLS say before encryption begins: records, hellos, the certificate message, alerts;
// and it computes the fingerprints JA3, JA3S and JA4.
//
// Nothing is copied and nothing allocated: results are views into the input. Each function reads its input once, so
// that cost is linear whatever the input says.
package tls

import "encoding/binary"

// Versions (RFC 8446 §4.2.1, RFC 6347 §4.1, RFC 9147 §5.3).
const (
	VersionSSL2   = 0x0002
	VersionSSL3   = 0x0300
	VersionTLS10  = 0x0301
	VersionTLS11  = 0x0302
	VersionTLS12  = 0x0303
	VersionTLS13  = 0x0304
	VersionDTLS10 = 0xfeff
	VersionDTLS12 = 0xfefd
	VersionDTLS13 = 0xfefc
	// VersionDTLSOld is what OpenSSL before 0.9.8f wrote, and AnyConnect still does.
	VersionDTLSOld = 0x0100
)

// Content types of records (RFC 8446 §5.1, RFC 6520).
const (
	RecordChangeCipherSpec = 20
	RecordAlert            = 21
	RecordHandshake        = 22
	RecordApplicationData  = 23
	RecordHeartbeat        = 24
)

const (
	// RecordHeader is the length of a TLS record's header.
	RecordHeader = 5
	// MaxRecord is the largest body: 2^14 and 2048 for what a cipher may add (RFC 5246 §6.2.3).
	MaxRecord = 1<<14 + 2048
)

// Record is one TLS record (RFC 8446 §5.1).
type Record struct {
	Type    uint8
	Version uint16
	// Length of the body as declared.
	Length int
	// Body is what is there of it.
	Body []byte
}

// Complete says whether the whole body is there.
func (r *Record) Complete() bool { return len(r.Body) == r.Length }

// ParseRecord reads the record at the start of b and gives what follows it. ok is false where b is shorter than a
// header or no header that TLS could have written.
func ParseRecord(b []byte) (r Record, rest []byte, ok bool) {
	if len(b) < RecordHeader || !couldBeRecord(b) {
		return r, b, false
	}
	r.Type, r.Version, r.Length = b[0], binary.BigEndian.Uint16(b[1:]), int(binary.BigEndian.Uint16(b[3:]))
	if r.Length > MaxRecord || r.Length == 0 && r.Type != RecordApplicationData {
		return r, b, false
	}
	end := min(RecordHeader+r.Length, len(b))
	r.Body = b[RecordHeader:end]
	return r, b[end:], true
}

// couldBeRecord says whether b, which may be cut, begins as a record: a known type, major version 3, minor version to
// 4.
func couldBeRecord(b []byte) bool {
	return (len(b) < 1 || b[0] >= RecordChangeCipherSpec && b[0] <= RecordHeartbeat) &&
		(len(b) < 2 || b[1] == 3) && (len(b) < 3 || b[2] <= 4)
}

// Flight is what one side said in the clear at the start of its stream.
type Flight struct {
	// Version of the first record.
	Version uint16
	// Handshake is the bodies of the handshake records before encryption began, one after the other.
	Handshake []byte
	// Records is how many records begin in the stream.
	Records int
	// First is the type of the first record.
	First uint8
	// Encrypted says that a ChangeCipherSpec or application data came: no handshake in the clear follows.
	Encrypted bool
	// Alerted says that an alert in the clear came, with AlertLevel (2 is fatal) and Alert (RFC 8446 §6).
	Alerted           bool
	AlertLevel, Alert uint8
	// Broken says that what follows the Records is no record.
	Broken bool
}

// Read reads a stream's records up to the one with which encryption begins. Where the handshake spans records it is put
// together in buf, which must be as large as stream for nothing to be lost; else Handshake is a view of stream.
func (f *Flight) Read(stream, buf []byte) {
	*f = Flight{}
	joined := 0
	for !f.Encrypted && len(stream) > 0 {
		r, rest, ok := ParseRecord(stream)
		if !ok {
			f.Broken = len(stream) >= RecordHeader || !couldBeRecord(stream)
			return
		}
		if f.Records++; f.Records == 1 {
			f.First, f.Version = r.Type, r.Version
		}
		switch r.Type {
		case RecordHandshake:
			if f.Handshake == nil {
				f.Handshake = r.Body
				break
			}
			if joined == 0 {
				joined = copy(buf, f.Handshake)
			}
			joined += copy(buf[joined:], r.Body)
			f.Handshake = buf[:joined]
		case RecordChangeCipherSpec, RecordApplicationData:
			f.Encrypted = true
		case RecordAlert:
			if r.Length == 2 && len(r.Body) == 2 {
				f.Alerted, f.AlertLevel, f.Alert = true, r.Body[0], r.Body[1]
			}
		}
		stream = rest
	}
}

// Chain counts the records that follow one another exactly from the start of stream, the last of which may be cut, to
// at most limit. 0 means that stream begins with no record, or that what follows one is none. All have to be of one
// version.
func Chain(stream []byte, limit int) int {
	n, version := 0, uint16(0)
	for n < limit && len(stream) > 0 {
		r, rest, ok := ParseRecord(stream)
		if !ok {
			if len(stream) < RecordHeader && couldBeRecord(stream) {
				return n // a header that is still to come
			}
			return 0
		}
		if n > 0 && r.Version != version {
			return 0
		}
		n++
		version, stream = r.Version, rest
	}
	return n
}

// Handshake message types (RFC 8446 §4, RFC 5246 §7.4, RFC 6347 §4.3.2).
const (
	HelloRequest       = 0
	ClientHelloType    = 1
	ServerHelloType    = 2
	HelloVerifyRequest = 3
	CertificateType    = 11
	ServerKeyExchange  = 12
	CertificateRequest = 13
	ServerHelloDone    = 14
	CertificateStatus  = 22
)

// MessageHeader is the length of a handshake message's header.
const MessageHeader = 4

// Message is one handshake message (RFC 8446 §4).
type Message struct {
	Type uint8
	// Length of the body as declared.
	Length int
	// Body is what is there of it.
	Body []byte
}

// Complete says whether the whole body is there.
func (m *Message) Complete() bool { return len(m.Body) == m.Length }

// ParseMessage reads the handshake message at the start of b and gives what follows it; ok is false where b is shorter
// than its header.
func ParseMessage(b []byte) (m Message, rest []byte, ok bool) {
	if len(b) < MessageHeader {
		return m, b, false
	}
	m.Type, m.Length = b[0], uint24(b[1:])
	end := min(MessageHeader+m.Length, len(b))
	m.Body = b[MessageHeader:end]
	return m, b[end:], true
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// Leaf is the first certificate of a certificate message of TLS 1.2 and before (RFC 5246 §7.4.2), in DER. ok is false
// until all of it is there; empty says that the message has none.
func (m *Message) Leaf() (der []byte, empty, ok bool) {
	b := m.Body
	if len(b) < 3 || uint24(b) != m.Length-3 {
		return nil, false, false
	}
	if m.Length == 3 {
		return nil, true, true
	}
	if len(b) < 6 {
		return nil, false, false
	}
	n := uint24(b[3:])
	if n == 0 || n > m.Length-6 || n > len(b)-6 {
		return nil, false, false
	}
	return b[6 : 6+n], false, true
}
