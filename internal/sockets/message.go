// SPDX-License-Identifier: Apache-2.0

package sockets

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/weirnet/weir/internal/record"
)

// Bounds of a message, and of its texts. A path of the kernel's may have 4,096 bytes.
const (
	MaxMessage = headerSize + 4*(1+maxText)
	maxText    = 255
	headerSize = 4 + 8 + 8 + 2*18 + 8
)

// Kinds of messages to the agent.
const (
	kindSocket = 1 + iota
	kindDone   // the answer to Flush: everything before it is told
)

// Flush is the agent's only message: it asks for what waits, to the end of which a message says Done.
var Flush = []byte{1}

var errMessage = errors.New("message on a socket that breaks a rule")

// Message is what the privileged process tells the agent.
type Message struct {
	Lost   uint64 // sockets that the kernel had no room to tell of, since the start
	IsDone bool   // the answer to Flush; there is no socket
	Socket Socket
}

// Append encodes the message: numbers are little-endian, texts follow their length in a byte.
func (m *Message) Append(b []byte) []byte {
	s, kind, own := &m.Socket, byte(kindSocket), byte(0)
	if m.IsDone {
		kind = kindDone
	}
	if s.IsOwn {
		own = 1
	}
	b = append(b, kind, s.Proto, own, 0)
	b = binary.LittleEndian.AppendUint64(b, m.Lost)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Since))
	for _, end := range [...]netip.AddrPort{s.Local, s.Remote} {
		var a [16]byte // invalid: zero, with port 0
		if end.Addr().IsValid() {
			a = end.Addr().As16()
		}
		b = binary.LittleEndian.AppendUint16(append(b, a[:]...), end.Port())
	}
	p := &s.Process
	b = binary.LittleEndian.AppendUint32(b, p.PID)
	b = binary.LittleEndian.AppendUint32(b, p.UID)
	for _, text := range [...]string{p.Name, p.Executable, p.Container, p.Unit} {
		text = text[:min(len(text), maxText)]
		b = append(append(b, byte(len(text))), text...)
	}
	return b
}

// Read decodes a message, and keeps nothing of b.
func (m *Message) Read(b []byte) error {
	if len(b) < headerSize || b[0] != kindSocket && b[0] != kindDone || b[2] > 1 || b[3] != 0 {
		return errMessage
	}
	*m = Message{IsDone: b[0] == kindDone, Lost: binary.LittleEndian.Uint64(b[4:])}
	s := &m.Socket
	s.Proto, s.IsOwn = b[1], b[2] == 1
	s.Since = int64(binary.LittleEndian.Uint64(b[12:]))
	s.Local, s.Remote = readEnd(b[20:]), readEnd(b[38:])
	s.Process = record.Process{PID: binary.LittleEndian.Uint32(b[56:]), UID: binary.LittleEndian.Uint32(b[60:])}
	p := &s.Process
	b = b[headerSize:]
	for _, to := range [...]*string{&p.Name, &p.Executable, &p.Container, &p.Unit} {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return errMessage
		}
		*to, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
	}
	if len(b) != 0 {
		return errMessage
	}
	return nil
}

func readEnd(b []byte) netip.AddrPort {
	a := netip.AddrFrom16([16]byte(b)).Unmap()
	port := binary.LittleEndian.Uint16(b[16:])
	if port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port)
}
