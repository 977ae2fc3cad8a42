// SPDX-License-Identifier: Apache-2.0

// Package helper is the protocol between the privileged parent and the agent, which reads packets without any right: a
// few kinds of small messages over a SOCK_SEQPACKET socket pair. It parses no packet.
//
// Every message is one datagram: a header of 12 bytes (version, kind, two zero bytes, sequence number and length of the
// rest, each 32 bits) and a body. All numbers are little-endian. A reply carries its request's sequence number.
package helper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

const version = 1

// Kinds of messages. The agent sends all but the last two.
const (
	kindWatch byte = 1 + iota
	kindUnwatch
	kindRetire
	kindRelease
	kindList
	kindAlive
	kindTell
	kindReload
	kindSetup
	kindReply
)

// Limits of the protocol.
const (
	MaxSlots   = 1024     // in one Retire or Release; the client splits longer lists
	MaxPayload = 4 << 10  // bytes of a Watch's answer
	MaxSetup   = 16 << 10 // bytes of Setup.Payload
	MaxMode    = 32       // bytes of Setup.Mode
	MaxFDs     = 253      // descriptors with one message: SCM_MAX_FD of the kernel
	MaxName    = 15       // bytes of an interface's name: IFNAMSIZ without the NUL
	MaxWatched = 1024     // interfaces watched at once
	maxText    = 512      // bytes of an error's text
	MaxTold    = 256      // bytes of a Tell

	headerSize = 12
	watchSize  = 4 + 4 + MaxName + 1
	maxRequest = headerSize + 4*MaxSlots // the longest request
	maxAnswer  = headerSize + 2 + MaxMode + MaxSetup
)

const flagPromiscuous, flagUpper = 1, 2 // flags of a Watch

// Code is the kind of an error in a reply.
type Code uint16

// Codes of a reply.
const (
	codeOK      Code = iota
	CodeInvalid      // an unknown message, or one that breaks a rule
	CodeLimit        // MaxWatched interfaces are watched already, or requests are too frequent
	CodeFailed       // the request failed
)

// Error is the helper's refusal of a request.
type Error struct {
	Code  Code
	Errno syscall.Errno // the kernel's reason, or 0
	Text  string
}

func (e *Error) Error() string { return e.Text }

// Unwrap makes errors.Is(err, unix.ENODEV) and the like work across the processes.
func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// Link is an interface to watch.
type Link struct {
	Index       uint32 // ifindex, not 0
	Name        string // 1 to MaxName bytes
	Promiscuous bool
	Upper       bool // not to be captured: what comes in is on a link below, and need not be where it goes out
}

// Setup is the first message, from the helper.
type Setup struct {
	Mode    string // the way of capturing
	Payload []byte // JSON
	FDs     []int
}

// request is a valid message of the agent.
type request struct {
	kind     byte
	sequence uint32
	link     Link     // of Watch; of Unwatch only the index
	slots    []uint32 // of Retire and Release
	told     string   // of Tell
}

var errLength = errors.New("message has a wrong length")

// appendHeader begins a message; finish writes its length.
func appendHeader(b []byte, kind byte, sequence uint32) []byte {
	b = append(b, version, kind, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, sequence)
	return append(b, 0, 0, 0, 0)
}

func finish(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-headerSize))
	return b
}

// parseHeader returns a message's kind, sequence number and body. The sequence number is right even with an error, or 0
// if the message is too short for one.
func parseHeader(b []byte) (kind byte, sequence uint32, body []byte, err error) {
	if len(b) < headerSize {
		return 0, 0, nil, errLength
	}
	sequence = binary.LittleEndian.Uint32(b[4:])
	switch {
	case b[0] != version || b[2] != 0 || b[3] != 0:
		return 0, sequence, nil, fmt.Errorf("message with a header that is not of version %d", version)
	case uint64(binary.LittleEndian.Uint32(b[8:])) != uint64(len(b)-headerSize):
		return 0, sequence, nil, errLength
	}
	return b[1], sequence, b[headerSize:], nil
}

func appendWatch(b []byte, l Link) []byte {
	var flags uint32
	if l.Promiscuous {
		flags |= flagPromiscuous
	}
	if l.Upper {
		flags |= flagUpper
	}
	b = binary.LittleEndian.AppendUint32(b, l.Index)
	b = binary.LittleEndian.AppendUint32(b, flags)
	var name [MaxName + 1]byte
	copy(name[:MaxName], l.Name)
	return append(b, name[:]...)
}

func appendSlots(b []byte, slots []uint32) []byte {
	for _, s := range slots {
		b = binary.LittleEndian.AppendUint32(b, s)
	}
	return b
}

// parseRequest decodes a message of the agent. slots is memory for the slots. Even with an error the sequence number is
// valid, if the message has one.
func parseRequest(b []byte, slots []uint32) (request, error) {
	kind, sequence, body, err := parseHeader(b)
	r := request{kind: kind, sequence: sequence}
	if err != nil {
		return r, err
	}
	switch kind {
	case kindWatch:
		r.link, err = parseWatch(body)
	case kindUnwatch:
		if len(body) != 4 || binary.LittleEndian.Uint32(body) == 0 {
			return r, errors.New("interface index is missing")
		}
		r.link.Index = binary.LittleEndian.Uint32(body)
	case kindRetire, kindRelease:
		r.slots, err = parseSlots(body, slots)
	case kindTell:
		r.told, err = parseTold(body)
	case kindList, kindAlive, kindReload:
		if len(body) != 0 {
			err = errLength
		}
	default:
		err = fmt.Errorf("message of unknown kind %d", kind)
	}
	return r, err
}

// parseTold requires a text that is safe in a manager's line for people.
func parseTold(body []byte) (string, error) {
	if len(body) > MaxTold || !utf8.Valid(body) {
		return "", fmt.Errorf("text of %d bytes", len(body))
	}
	text := string(body)
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fmt.Errorf("text %q", text)
	}
	return text, nil
}

func parseWatch(body []byte) (Link, error) {
	if len(body) != watchSize {
		return Link{}, errLength
	}
	flags := binary.LittleEndian.Uint32(body[4:])
	l := Link{Promiscuous: flags&flagPromiscuous != 0, Upper: flags&flagUpper != 0}
	l.Index = binary.LittleEndian.Uint32(body)
	name, padding, ended := bytes.Cut(body[8:], []byte{0})
	switch {
	case l.Index == 0 || l.Index > 1<<31-1:
		return Link{}, fmt.Errorf("interface index %d", l.Index)
	case flags&^(flagPromiscuous|flagUpper) != 0:
		return Link{}, fmt.Errorf("flags %#x", flags)
	case !ended || len(bytes.Trim(padding, "\x00")) > 0:
		return Link{}, errors.New("interface name without NUL")
	}
	l.Name = string(name)
	return l, checkName(l.Name)
}

// checkName applies the kernel's rule (dev_valid_name of net/core/dev.c), and for the logs requires printable ASCII.
func checkName(name string) error {
	odd := func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '/' || c == ':' }
	if name == "" || len(name) > MaxName || name == "." || name == ".." || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("interface name %q", name)
	}
	return nil
}

func parseSlots(body []byte, slots []uint32) ([]uint32, error) {
	if len(body)%4 != 0 || len(body) == 0 || len(body) > 4*MaxSlots {
		return nil, fmt.Errorf("list of slots with %d bytes", len(body))
	}
	slots = slots[:0]
	for ; len(body) > 0; body = body[4:] {
		slots = append(slots, binary.LittleEndian.Uint32(body))
	}
	return slots, nil
}

// appendReply encodes a reply: code, errno, the lengths of text and payload (16 bits each), then both.
func appendReply(b []byte, sequence uint32, e *Error, payload []byte) []byte {
	if e == nil {
		e = &Error{}
	}
	text := strings.ToValidUTF8(e.Text[:min(len(e.Text), maxText)], "") // drops a truncated rune
	b = appendHeader(b, kindReply, sequence)
	b = binary.LittleEndian.AppendUint16(b, uint16(e.Code))
	b = binary.LittleEndian.AppendUint16(b, uint16(e.Errno))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, text...)
	return finish(append(b, payload...))
}

// parseReply decodes a reply, whose error is refusal. The payload is a part of b.
func parseReply(b []byte) (sequence uint32, payload []byte, refusal *Error, err error) {
	kind, sequence, body, err := parseHeader(b)
	switch {
	case err != nil:
		return 0, nil, nil, err
	case kind != kindReply:
		return 0, nil, nil, fmt.Errorf("message of kind %d instead of a reply", kind)
	case len(body) < 8:
		return 0, nil, nil, errLength
	}
	code := Code(binary.LittleEndian.Uint16(body))
	errno := syscall.Errno(binary.LittleEndian.Uint16(body[2:]))
	textLen, payloadLen := int(binary.LittleEndian.Uint16(body[4:])), int(binary.LittleEndian.Uint16(body[6:]))
	body = body[8:]
	if textLen > maxText || payloadLen > MaxPayload || textLen+payloadLen != len(body) {
		return 0, nil, nil, errLength
	}
	text, payload := string(body[:textLen]), body[textLen:]
	switch {
	case code > CodeFailed:
		return 0, nil, nil, fmt.Errorf("reply with unknown code %d", code)
	case code != codeOK:
		return sequence, nil, &Error{code, errno, text}, nil
	}
	return sequence, payload, nil, nil
}

// appendSetup encodes the first message: the length of mode (8 bits), a zero byte, mode and payload.
func appendSetup(b []byte, s Setup) ([]byte, error) {
	if len(s.Mode) == 0 || len(s.Mode) > MaxMode || len(s.Payload) > MaxSetup || len(s.FDs) > MaxFDs {
		return nil, fmt.Errorf("setup of %d and %d bytes, %d descriptors", len(s.Mode), len(s.Payload), len(s.FDs))
	}
	b = appendHeader(b, kindSetup, 0)
	b = append(b, byte(len(s.Mode)), 0)
	b = append(b, s.Mode...)
	return finish(append(b, s.Payload...)), nil
}

// parseSetup decodes the first message, without descriptors.
func parseSetup(b []byte) (Setup, error) {
	kind, _, body, err := parseHeader(b)
	switch {
	case err != nil:
		return Setup{}, err
	case kind != kindSetup:
		return Setup{}, fmt.Errorf("message of kind %d instead of the first one", kind)
	case len(body) < 2:
		return Setup{}, errLength
	}
	mode := int(body[0])
	if mode == 0 || mode > MaxMode || body[1] != 0 || len(body)-2 < mode || len(body)-2-mode > MaxSetup {
		return Setup{}, errLength
	}
	return Setup{Mode: string(body[2 : 2+mode]), Payload: bytes.Clone(body[2+mode:])}, nil
}
