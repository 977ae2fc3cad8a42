// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// samples are valid messages of each kind.
func samples() map[string][]byte {
	lost := []Range{{ID{1}, 1, 3, 3}, {ID{2}, 7, 90, 12}}
	var full []Range
	for i := range maxRanges {
		full = append(full, Range{ID{byte(i)}, uint64(i + 1), uint64(i + 1), 1})
	}
	return map[string][]byte{
		"report": appendReport(nil, &reportHead{epoch: ID{9}, sequence: 5, previous: 4, size: 800, told: lost}),
		"first":  appendReport(nil, &reportHead{sequence: 1, size: 1}),
		"hello":  appendHello(nil, Identity{ID{1}, ID{2}, 77}),
		"stored": appendStored(nil, 5),
		"state": appendState(nil, &State{Connected: true, WholeFlows: true, Queued: 1, SpoolBytes: 2, Refused: 3,
			Lost: 4, Next: 5, Untold: lost, Problem: "no route to the sink", Usage: Usage{6, 7, 8, 9},
			SinkOffset: -time.Hour, HasSinkOffset: true}),
		"longest": appendState(nil, &State{Next: 1, Untold: full, Problem: strings.Repeat("x", 2*maxProblem)}),
	}
}

// again parses a message and encodes what it says; nil if it is invalid.
func again(message []byte) ([]byte, error) {
	kind, body, err := parse(message)
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindReport:
		r, err := parseReport(body)
		if err != nil {
			return nil, err
		}
		return appendReport(nil, &r), nil
	case kindHello:
		i, err := parseHello(body)
		if err != nil {
			return nil, err
		}
		return appendHello(nil, i), nil
	case kindStored:
		n, err := parseStored(body)
		if err != nil {
			return nil, err
		}
		return appendStored(nil, n), nil
	case kindState:
		s, err := parseState(body)
		if err != nil {
			return nil, err
		}
		return appendState(nil, &s), nil
	}
	return nil, errLength
}

func TestMessages(t *testing.T) {
	for name, message := range samples() {
		if got, err := again(message); err != nil || !bytes.Equal(got, message) {
			t.Errorf("%s: %v: % x, not % x", name, err, got, message)
		}
		if len(message) > maxMessage {
			t.Errorf("%s has %d bytes, more than %d", name, len(message), maxMessage)
		}
		for cut := range message {
			if _, err := again(message[:cut]); err == nil {
				t.Errorf("%s, cut at %d, is taken", name, cut)
			}
			if cut >= headerSize { // with a length that fits
				if got, err := again(finish(bytes.Clone(message[:cut]))); err == nil && name != "state" &&
					name != "longest" {
					t.Errorf("%s, cut at %d, is taken as % x", name, cut, got)
				}
			}
		}
		if _, err := again(append(bytes.Clone(message), 0)); err == nil {
			t.Errorf("%s with another byte is taken", name)
		}
	}
	want := State{Connected: true, Queued: 1, Next: 5, Untold: []Range{{ID{1}, 1, 3, 2}}, Problem: "away",
		Usage: Usage{2, 3, 4, 5}, SinkOffset: time.Minute, HasSinkOffset: true}
	_, body, _ := parse(appendState(nil, &want))
	if got, err := parseState(body); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, not %+v", got, err, want)
	}
}

// TestMessagesRefused: values that no side sends are refused.
func TestMessagesRefused(t *testing.T) {
	for name, message := range map[string][]byte{
		"another version":     {2, kindStored, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
		"a reserved byte":     {1, kindStored, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
		"an unknown kind":     finish(begin(nil, 9)),
		"a report 0":          appendReport(nil, &reportHead{size: 1}),
		"a report after":      appendReport(nil, &reportHead{sequence: 4, previous: 4, size: 1}),
		"the last number":     appendReport(nil, &reportHead{sequence: ^uint64(0), size: 1}),
		"an empty report":     appendReport(nil, &reportHead{sequence: 1}),
		"a long report":       appendReport(nil, &reportHead{sequence: 1, size: maxLine + 1}),
		"a range backwards":   appendReport(nil, &reportHead{sequence: 1, size: 1, told: []Range{{ID{}, 3, 2, 1}}}),
		"a range of none":     appendReport(nil, &reportHead{sequence: 1, size: 1, told: []Range{{ID{}, 2, 3, 0}}}),
		"more than its range": appendReport(nil, &reportHead{sequence: 1, size: 1, told: []Range{{ID{}, 2, 3, 3}}}),
		"too many ranges": appendReport(nil, &reportHead{sequence: 1, size: 1,
			told: make([]Range, maxRanges+1)}),
		"next 0":       appendHello(nil, Identity{}),
		"a state of 0": appendState(nil, &State{}),
		"a time below": appendState(nil, &State{Next: 1, Usage: Usage{UserTime: -1}}),
	} {
		if got, err := again(message); err == nil {
			t.Errorf("%s is taken as % x", name, got)
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, message := range samples() {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		one, err := again(message)
		if err != nil {
			return
		}
		if two, err := again(one); err != nil || !bytes.Equal(one, two) {
			t.Errorf("% x is read as % x, then %v, % x", message, one, err, two)
		}
	})
}

// FuzzSender: no message of a ship that an attacker holds breaks the confined process's side, or makes it keep more.
func FuzzSender(f *testing.F) {
	for _, message := range samples() {
		f.Add(message, message)
	}
	f.Add(appendHello(nil, Identity{Next: ^uint64(0) - 1}), appendState(nil, &State{Next: ^uint64(0)}))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		ours, theirs, err := NewSocketPair()
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		defer ours.Close()
		fd, err := unix.FcntlInt(ours.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSender(fd)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.take(appendHello(nil, Identity{Next: 1}))
		for _, message := range [][]byte{one, two, one} {
			for range 5 {
				of, _ := s.Identity()
				h := s.Health()
				s.Send(of, &h, []byte("{}\n"))
			}
			s.take(message)
		}
		if len(s.waiting) > maxWaiting || len(s.untold) > maxRanges || len(s.Health().Lost) > maxRanges {
			t.Errorf("%d reports wait, %d ranges", len(s.waiting), len(s.untold))
		}
	})
}
