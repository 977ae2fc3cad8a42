// SPDX-License-Identifier: Apache-2.0

// Package tls parses the cleartext part of TLS and DTLS: records, hellos, the certificate message, alerts. It computes
// the fingerprints JA3, JA3S and JA4.
//
// It copies and allocates nothing: results are views into the input. Each function reads its input once, so costs are
// linear whatever the input claims.
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
	// VersionDTLSOld is the version of OpenSSL before 0.9.8f; AnyConnect still sends it.
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
	// RecordHeader is the length of a TLS record header.
	RecordHeader = 5
	// MaxRecord is the largest body: 2^14 bytes, and 2048 of a cipher's expansion (RFC 5246 §6.2.3).
	MaxRecord = 1<<14 + 2048
)

// Record is one TLS record (RFC 8446 §5.1).
type Record struct {
	Type    uint8
	Version uint16
	// Length is the declared length of the body.
	Length int
	// Body is the available part of the body.
	Body []byte
}

// Complete reports whether the whole body is available.
func (r *Record) Complete() bool { return len(r.Body) == r.Length }

// ParseRecord reads the record at the start of b and returns the bytes after it. ok is false if b is shorter than a
// header or begins with no possible TLS header.
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

// couldBeRecord reports whether b, which may be cut, begins as a record: a known type, major version 3, minor version
// up to 4.
func couldBeRecord(b []byte) bool {
	return (len(b) < 1 || b[0] >= RecordChangeCipherSpec && b[0] <= RecordHeartbeat) &&
		(len(b) < 2 || b[1] == 3) && (len(b) < 3 || b[2] <= 4)
}

// Flight is one side's cleartext at the start of its stream.
type Flight struct {
	// Version is the first record's.
	Version uint16
	// Handshake joins the bodies of the handshake records before encryption.
	Handshake []byte
	// Records is the number of records that begin in the stream.
	Records int
	// First is the type of the first record.
	First uint8
	// Encrypted: a ChangeCipherSpec or application data came, so no cleartext handshake follows.
	Encrypted bool
	// Alerted: a cleartext alert came, with AlertLevel (2 is fatal) and Alert (RFC 8446 §6).
	Alerted           bool
	AlertLevel, Alert uint8
	// Broken: the bytes after the Records are no record.
	Broken bool
}

// Read reads a stream's records up to the first encrypted one. It joins a handshake that spans records in buf, which
// must be as large as stream to hold all of it; otherwise Handshake is a view of stream.
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

// Chain counts the consecutive records from the start of stream, up to limit; the last may be cut. All must have the
// same version. It returns 0 if stream begins with no record, or if other bytes follow a record.
func Chain(stream []byte, limit int) int {
	n, version := 0, uint16(0)
	for n < limit && len(stream) > 0 {
		r, rest, ok := ParseRecord(stream)
		if !ok {
			if len(stream) < RecordHeader && couldBeRecord(stream) {
				return n // the next header is incomplete
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

// MessageHeader is the length of a handshake message header.
const MessageHeader = 4

// Message is one handshake message (RFC 8446 §4).
type Message struct {
	Type uint8
	// Length is the declared length of the body.
	Length int
	// Body is the available part of the body.
	Body []byte
}

// Complete reports whether the whole body is available.
func (m *Message) Complete() bool { return len(m.Body) == m.Length }

// ParseMessage reads the handshake message at the start of b and returns the bytes after it; ok is false if b is
// shorter than a header.
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

// Leaf returns the first certificate of a certificate message of TLS 1.2 and before (RFC 5246 §7.4.2), in DER. ok is
// false until all of it is available; empty: the message has none.
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
