// SPDX-License-Identifier: Apache-2.0

package libpcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/packet"
)

// The stream is a sequence of records, in the byte order of the machine; capture.h has the same layout as struct
// weir_record.
//
//	0  u32  bytes that follow the header (payload)
//	4  u16  kind
//	6  u16  frame, watching: link type (LINKTYPE_ value)
//	8  u32  ifindex
//	12 u32  frame: bytes on the link; ended, failed: Code
//	16 i64  frame: nanoseconds since the Unix epoch; watching, ended: the number of the command
//	24      payload
const (
	headerBytes  = 24
	maxPayload   = MaxSnapLength // of a frame; the other kinds have far less
	maxTextBytes = 1024
	lossBytes    = 16
)

// Kinds of records.
const (
	kindHello = 1 // the first; payload: libpcap's version
	kindFrame = 2 // payload: the captured bytes
	// payload: since the last one, u64 packets that the ring had no room for, u64 that the interface dropped
	kindLoss     = 3
	kindWatching = 4 // a Watch has succeeded
	kindEnded    = 5 // a watch has ended, or failed; payload: why
	kindFailed   = 6 // the process gives up; payload: why
	kindBye      = 7 // the process ends as requested
)

// Code is the kind of an Error.
type Code uint32

// Codes of errors, with what errors.Is finds in parentheses.
const (
	CodeOther     Code = iota
	CodeNoRight        // no right to capture: CAP_NET_RAW is missing (unix.EPERM, fs.ErrPermission)
	CodeNoDevice       // no such interface (unix.ENODEV)
	CodeGone           // the interface no longer exists (unix.ENODEV)
	CodeDown           // the interface is down (unix.ENETDOWN)
	CodeFilter         // libpcap refuses the filter expression (unix.EINVAL)
	CodeUnwatched      // Unwatch was called: not a failure
)

// Error is a failure that the capturing process reports.
type Error struct {
	Code      Code
	Interface uint32 // ifindex; 0 for the whole process
	Text      string // libpcap's text, or ours
}

func (e *Error) Error() string {
	if e.Interface == 0 {
		return "libpcap: " + e.Text
	}
	return fmt.Sprintf("libpcap: interface %d: %s", e.Interface, e.Text)
}

// Is maps codes to the system's errors.
func (e *Error) Is(target error) bool {
	switch e.Code {
	case CodeNoRight:
		return target == unix.EPERM || target == fs.ErrPermission
	case CodeNoDevice, CodeGone:
		return target == unix.ENODEV
	case CodeDown:
		return target == unix.ENETDOWN
	case CodeFilter:
		return target == unix.EINVAL
	}
	return false
}

// Errors of a stream, after which it cannot be read.
var (
	// ErrDied: the stream ended without a farewell; the process was killed or has crashed.
	ErrDied = errors.New("libpcap: the capturing process died")
	// ErrStream: the bytes are not what Capture writes.
	ErrStream = errors.New("libpcap: the capturing process sent an invalid stream")
)

// Event reports a change of an interface. With Err nil it is now watched, else not (any longer).
type Event struct {
	Interface uint32
	Number    uint32          // of the Watch that it answers
	Link      packet.LinkType // if Err is nil
	Err       *Error
}

// parser decodes a stream. It keeps state between pieces, but no frames.
type parser struct {
	version string
	losses  capture.Losses
	onEvent func(Event)
	frame   capture.Frame
	frames  uint64
	bye     bool
	hello   bool
}

// parse hands every whole frame in b to each and returns how many bytes it used. It leaves an incomplete record, which
// has at most headerBytes+maxPayload-1 bytes.
func (p *parser) parse(b []byte, each func(*capture.Frame)) (used int, err error) {
	for len(b)-used >= headerBytes {
		h := b[used : used+headerBytes : used+headerBytes]
		length := binary.NativeEndian.Uint32(h)
		kind := binary.NativeEndian.Uint16(h[4:])
		if length > maxPayload || (kind != kindFrame && length > maxTextBytes) || p.bye ||
			p.hello == (kind == kindHello) {
			return used, fmt.Errorf("%w: record of kind %d with %d bytes", ErrStream, kind, length)
		}
		if uint32(len(b)-used-headerBytes) < length {
			return used, nil
		}
		start := used + headerBytes
		end := start + int(length)
		payload := b[start:end:end]
		used = end
		if kind != kindFrame {
			if err := p.other(kind, h, payload); err != nil {
				return used, err
			}
			continue
		}
		wire := binary.NativeEndian.Uint32(h[12:])
		if wire < length || wire > 1<<30 {
			return used, fmt.Errorf("%w: frame of %d bytes, captured %d", ErrStream, wire, length)
		}
		p.frame = capture.Frame{
			Data:      payload,
			Length:    int(wire),
			Time:      int64(binary.NativeEndian.Uint64(h[16:])),
			Interface: binary.NativeEndian.Uint32(h[8:]),
			Link:      packet.LinkType(binary.NativeEndian.Uint16(h[6:])),
			Flow:      capture.FlowRef{Slot: capture.NotCounted},
		}
		p.frames++
		each(&p.frame)
	}
	return used, nil
}

// other handles the rare records.
func (p *parser) other(kind uint16, h, payload []byte) error {
	index := binary.NativeEndian.Uint32(h[8:])
	code := Code(binary.NativeEndian.Uint32(h[12:]))
	number := uint32(binary.NativeEndian.Uint64(h[16:]))
	switch kind {
	case kindHello:
		p.hello, p.version = true, string(payload)
	case kindLoss:
		if len(payload) != lossBytes {
			return fmt.Errorf("%w: loss record of %d bytes", ErrStream, len(payload))
		}
		p.losses.RingFull += binary.NativeEndian.Uint64(payload)
		p.losses.Interface += binary.NativeEndian.Uint64(payload[8:])
	case kindWatching:
		p.event(Event{Interface: index, Number: number, Link: packet.LinkType(binary.NativeEndian.Uint16(h[6:]))})
	case kindEnded:
		p.event(Event{Interface: index, Number: number, Err: &Error{code, index, string(payload)}})
	case kindFailed:
		return &Error{code, 0, string(payload)}
	case kindBye:
		p.bye = true
	default:
		return fmt.Errorf("%w: record of kind %d", ErrStream, kind)
	}
	return nil
}

func (p *parser) event(e Event) {
	if p.onEvent != nil {
		p.onEvent(e)
	}
}
