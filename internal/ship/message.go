// SPDX-License-Identifier: Apache-2.0

// Package ship is the agent's process that stores reports and sends them to a sink. It sees no packet. Finished reports
// come from the confined process over a SOCK_SEQPACKET socket pair that outlives a death of either end: Sender is the
// confined process's side, Run the process itself.
//
// Every message is one datagram: a header of 8 bytes (version, kind, two zero bytes, length of the rest in 32 bits) and
// a body. All numbers are little-endian. A report's line travels beside its message, in a sealed memfd.
package ship

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

const version = 1

// Kinds of messages. The confined process sends the first, ship the others.
const (
	kindReport byte = 1 + iota
	kindHello
	kindStored
	kindState
)

// Limits of the messages.
const (
	maxLine    = 32 << 20 // bytes of a report: report.MaxLine
	maxRanges  = 8        // lost ranges in a message
	maxProblem = 200      // bytes of State.Problem

	headerSize = 8
	rangeSize  = 16 + 8 + 8 + 8
	reportSize = 16 + 8 + 8 + 4 + 4
	helloSize  = 16 + 16 + 8
	storedSize = 8
	stateSize  = 4 + 4 + 10*8 + 4
	maxMessage = headerSize + stateSize + maxRanges*rangeSize + maxProblem
)

// ID is an agent or an epoch.
type ID [16]byte

// Range is a range of an epoch's reports, first and last included, of which Count are lost.
type Range struct {
	Epoch       ID
	First, Last uint64
	Count       uint64
}

// Identity says who reports, and which report is next.
type Identity struct {
	Agent, Epoch ID
	Next         uint64 // sequence
}

// State is that of the spool and the upload.
type State struct {
	Connected  bool // the sink took the last request
	WholeFlows bool // the sink wants the flows of the next report whole
	Queued     uint64
	SpoolBytes uint64
	Refused    uint64 // reports, by the sink and for good
	Lost       uint64 // reports that the spool had no room for
	Next       uint64 // sequence of the first report that is not stored
	// Untold are the ranges of lost reports that no stored report has told.
	Untold  []Range
	Problem string // why the sink gets no reports, or ""
	Usage   Usage  // of ship
	// SinkOffset is the sink's clock less ours, to a second; HasSinkOffset: it is known.
	SinkOffset    time.Duration
	HasSinkOffset bool
}

// Usage is what a process has used.
type Usage struct {
	UserTime, SystemTime   time.Duration // of all CPUs
	Resident, PeakResident uint64        // memory in bytes; 0: unknown
}

// reportHead is the message of a report.
type reportHead struct {
	epoch    ID
	sequence uint64
	previous uint64 // the sequence of the report that has to be stored before; 0: none
	size     uint32 // of the line
	told     []Range
}

var errLength = errors.New("message has a wrong length")

func begin(b []byte, kind byte) []byte { return append(b, version, kind, 0, 0, 0, 0, 0, 0) }

func finish(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-headerSize))
	return b
}

// parse returns a message's kind and body.
func parse(b []byte) (kind byte, body []byte, err error) {
	switch {
	case len(b) < headerSize:
		return 0, nil, errLength
	case b[0] != version || b[2] != 0 || b[3] != 0:
		return 0, nil, fmt.Errorf("message with a header that is not of version %d", version)
	case uint64(binary.LittleEndian.Uint32(b[4:])) != uint64(len(b)-headerSize):
		return 0, nil, errLength
	}
	return b[1], b[headerSize:], nil
}

func appendNumbers(b []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

func number(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

func appendRanges(b []byte, all []Range) []byte {
	for _, r := range all {
		b = appendNumbers(append(b, r.Epoch[:]...), r.First, r.Last, r.Count)
	}
	return b
}

// parseRanges reads so many ranges from the front of b.
func parseRanges(b []byte, count uint32) (all []Range, rest []byte, err error) {
	if count > maxRanges || len(b) < int(count)*rangeSize {
		return nil, nil, errLength
	}
	for ; count > 0; count-- {
		r := Range{First: number(b, 16), Last: number(b, 24), Count: number(b, 32)}
		copy(r.Epoch[:], b)
		if r.Last < r.First || r.Last == ^uint64(0) || r.Count == 0 || r.Count-1 > r.Last-r.First {
			return nil, nil, errors.New("range of reports is not in order")
		}
		all, b = append(all, r), b[rangeSize:]
	}
	return all, b, nil
}

func appendReport(b []byte, r *reportHead) []byte {
	b = appendNumbers(append(begin(b, kindReport), r.epoch[:]...), r.sequence, r.previous)
	b = binary.LittleEndian.AppendUint32(b, r.size)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.told)))
	return finish(appendRanges(b, r.told))
}

func parseReport(body []byte) (r reportHead, err error) {
	if len(body) < reportSize {
		return r, errLength
	}
	r = reportHead{sequence: number(body, 16), previous: number(body, 24), size: binary.LittleEndian.Uint32(body[32:])}
	copy(r.epoch[:], body)
	var rest []byte
	r.told, rest, err = parseRanges(body[reportSize:], binary.LittleEndian.Uint32(body[36:]))
	switch {
	case err != nil:
		return r, err
	case len(rest) != 0:
		return r, errLength
	case r.sequence == 0 || r.sequence == ^uint64(0) || r.previous >= r.sequence:
		return r, fmt.Errorf("report %d after %d", r.sequence, r.previous)
	case r.size == 0 || r.size > maxLine:
		return r, fmt.Errorf("report of %d bytes", r.size)
	}
	return r, nil
}

func appendHello(b []byte, i Identity) []byte {
	b = append(append(begin(b, kindHello), i.Agent[:]...), i.Epoch[:]...)
	return finish(appendNumbers(b, i.Next))
}

func parseHello(body []byte) (i Identity, err error) {
	if len(body) != helloSize {
		return i, errLength
	}
	copy(i.Agent[:], body)
	copy(i.Epoch[:], body[16:])
	if i.Next = number(body, 32); i.Next == 0 || i.Next == ^uint64(0) {
		return Identity{}, fmt.Errorf("next report is %d", i.Next)
	}
	return i, nil
}

func appendStored(b []byte, sequence uint64) []byte {
	return finish(appendNumbers(begin(b, kindStored), sequence))
}

func parseStored(body []byte) (sequence uint64, err error) {
	if len(body) != storedSize {
		return 0, errLength
	}
	return number(body, 0), nil
}

const flagConnected, flagWholeFlows, flagSinkOffset = 1, 2, 4

// appendState leaves out what has no room.
func appendState(b []byte, s *State) []byte {
	var flags uint32
	if s.Connected {
		flags |= flagConnected
	}
	if s.WholeFlows {
		flags |= flagWholeFlows
	}
	if s.HasSinkOffset {
		flags |= flagSinkOffset
	}
	untold := s.Untold[:min(len(s.Untold), maxRanges)]
	problem := strings.ToValidUTF8(s.Problem[:min(len(s.Problem), maxProblem)], "")
	b = binary.LittleEndian.AppendUint32(begin(b, kindState), flags)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(untold)))
	b = appendNumbers(b, s.Queued, s.SpoolBytes, s.Refused, s.Lost, s.Next, uint64(s.Usage.UserTime),
		uint64(s.Usage.SystemTime), s.Usage.Resident, s.Usage.PeakResident, uint64(s.SinkOffset))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(problem)))
	return finish(append(appendRanges(b, untold), problem...))
}

func parseState(body []byte) (s State, err error) {
	if len(body) < stateSize {
		return s, errLength
	}
	flags := binary.LittleEndian.Uint32(body)
	s = State{Connected: flags&flagConnected != 0, WholeFlows: flags&flagWholeFlows != 0, Queued: number(body, 8),
		SpoolBytes: number(body, 16), Refused: number(body, 24), Lost: number(body, 32), Next: number(body, 40),
		Usage: Usage{time.Duration(number(body, 48)), time.Duration(number(body, 56)), number(body, 64),
			number(body, 72)},
		SinkOffset: time.Duration(number(body, 80)), HasSinkOffset: flags&flagSinkOffset != 0}
	problem := binary.LittleEndian.Uint32(body[88:])
	var rest []byte
	s.Untold, rest, err = parseRanges(body[stateSize:], binary.LittleEndian.Uint32(body[4:]))
	switch {
	case err != nil:
		return State{}, err
	case flags&^(flagConnected|flagWholeFlows|flagSinkOffset) != 0:
		return State{}, fmt.Errorf("flags %#x", flags)
	case problem > maxProblem || int(problem) != len(rest):
		return State{}, errLength
	case !s.HasSinkOffset && s.SinkOffset != 0:
		return State{}, errors.New("an unknown offset that is not 0")
	case s.Usage.UserTime < 0 || s.Usage.SystemTime < 0:
		return State{}, errors.New("time below 0")
	case s.Next == 0:
		return State{}, errors.New("next report is 0")
	}
	s.Problem = string(rest)
	return s, nil
}
