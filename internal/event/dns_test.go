// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// TestDNSAnswers: questions that follow one another on one port get their answers in any order.
func TestDNSAnswers(t *testing.T) {
	r := newRig(t)
	const count = 3000
	for i := range count {
		r.datagram(true, query(uint16(i), fmt.Sprintf("host%d.example", i)))
	}
	for i := range count {
		i = count - 1 - i
		r.datagram(false, reply(uint16(i), fmt.Sprintf("HOST%d.example", i), "198.51.100.1"))
	}
	all := contents[record.DNS](r)
	if len(all) != count {
		t.Fatalf("%d events of %d questions", len(all), count)
	}
	for i, d := range all {
		want, rtt := fmt.Sprintf("HOST%d.example", count-1-i), int64(1000*(2*i+1))
		if d.Type != "answer" || d.Name != want || d.RCode != "NOERROR" || d.RTT == nil || *d.RTT != rtt ||
			len(d.Answers) != 1 || d.Answers[0].Data != "198.51.100.1" {
			t.Fatalf("event %d: %+v", i, d)
		}
	}
	r.Flush()
	if len(r.events) != count || r.Counters.Events != count || r.Counters.Hasty != 0 {
		t.Errorf("%d events, %+v", len(r.events), r.Counters)
	}
}

// TestDNSRepeats: a question that is asked again is one question; unanswered ones are told after a time.
func TestDNSRepeats(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.datagram(true, query(7, "a.example"))
	}
	r.datagram(true, query(7, "b.example")) // the same identifier, another question
	r.datagram(false, reply(7, "a.example"))
	r.Advance(r.now + int64(Patience)/2)
	if len(r.events) != 1 {
		t.Fatalf("%d events before the time", len(r.events))
	}
	r.Advance(r.now + int64(Patience) + int64(time.Second))
	all := contents[record.DNS](r)
	if len(all) != 2 || all[0].Repeats != 2 || all[0].Type != "answer" || *all[0].RTT != 3000+1000 ||
		all[1].Type != "query" || all[1].Name != "b.example" || all[1].RTT != nil || all[1].RCode != "" || !all[1].RD {
		t.Errorf("%+v", all)
	}
}

// TestDNSWithoutQuestion: an answer without a question is told, and one that repeats no question finds it by its
// identifier.
func TestDNSWithoutQuestion(t *testing.T) {
	r := newRig(t)
	r.datagram(false, reply(1, "late.example", "198.51.100.1"))
	r.datagram(true, query(2, "bad.example"))
	r.datagram(false, message(2, true, 1, nil)) // FORMERR
	all := contents[record.DNS](r)
	if len(all) != 2 || all[0].RTT != nil || all[0].Name != "late.example" || all[1].Name != "bad.example" ||
		all[1].RCode != "FORMERR" || all[1].RTT == nil {
		t.Errorf("%+v", all)
	}
}

// TestDNSMulticast: each question to a group is told at once, and so is each answer.
func TestDNSMulticast(t *testing.T) {
	r := newRig(t)
	for _, b := range [][]byte{message(0, false, 0, []string{"_a._tcp.local", "_b._tcp.local"}),
		reply(0, "c.local", "192.0.2.9")} {
		r.Datagram(&Packet{Flow: Flow{1, 1}, Time: r.now, Payload: b, Length: len(b), FromClient: true,
			Multicast: true})
	}
	all := contents[record.DNS](r)
	if len(all) != 3 || all[1].Name != "_b._tcp.local" || all[1].Type != "query" || all[2].Type != "answer" {
		t.Errorf("%+v", all)
	}
}

// TestDNSBounds: the oldest question makes room, and more questions than a message may have are counted.
func TestDNSBounds(t *testing.T) {
	r := newRig(t)
	for i := range maxPending + 10 {
		r.datagram(true, query(uint16(i), "a.example"))
	}
	if len(r.events) != 10 || r.Counters.Hasty != 10 || contents[record.DNS](r)[9].ID != 9 {
		t.Errorf("%d events, %+v", len(r.events), r.Counters)
	}
	r.Flush()
	if len(r.events) != maxPending+10 {
		t.Errorf("%d events at the end", len(r.events))
	}
	r = newRig(t)
	r.datagram(true, message(1, false, 0, make([]string, 40)))
	if r.Flush(); len(r.events) != 1 || r.Counters.Omitted != 1 { // the same question, 16 times
		t.Errorf("%d events, %+v", len(r.events), r.Counters)
	}
	r = newRig(t)
	r.room = 1
	for i := range 3 {
		r.datagram(false, reply(uint16(i), "a.example"))
	}
	if len(r.events) != 1 || r.Counters.Events != 1 || r.Counters.Dropped != 2 {
		t.Errorf("%d events, %+v", len(r.events), r.Counters)
	}
}

// TestDNSOverTCP: messages that follow one another, in segments of any size, in any order, some twice.
func TestDNSOverTCP(t *testing.T) {
	const count = 40
	var asked, answered bytes.Buffer
	for i := range count {
		asked.WriteString(framed(query(uint16(i), fmt.Sprintf("host%d.example", i))))
		answered.WriteString(framed(reply(uint16(i), fmt.Sprintf("host%d.example", i), "198.51.100.1", "198.51.100.2")))
	}
	for size := 1; size < asked.Len()+1; size += 1 + size/7 {
		r := newRig(t)
		r.begin(false)
		r.inPieces(0, asked.String(), size)
		r.inPieces(1, answered.String(), size)
		all := contents[record.DNS](r)
		if len(all) != count || all[count-1].Name != fmt.Sprintf("host%d.example", count-1) ||
			len(all[7].Answers) != 2 || all[0].RTT == nil || r.Counters.Gaps != 0 {
			t.Fatalf("in pieces of %d: %d events, %+v", size, len(all), r.Counters)
		}
		r.End(r.stream, 1)
		r.checkReturned()
	}
}

// inPieces shows a text in segments of a size: each second one before its predecessor, each third one twice.
func (r *rig) inPieces(way int, text string, size int) {
	start := r.next[way]
	piece := func(i int) {
		if from := i * size; from < len(text) {
			r.at(way, start+uint32(from), text[from:min(from+size, len(text))])
		}
	}
	for i := 0; i*size < len(text); i += 2 {
		piece(i + 1)
		piece(i)
		if i%3 == 0 {
			piece(i)
		}
	}
	r.next[way] += uint32(len(text))
}

// checkReturned checks that a Maker has all its memory back.
func (r *rig) checkReturned() {
	r.t.Helper()
	if f := &r.free; f.streams.lent != 0 || f.requests.lent != 0 || f.buffers.lent != 0 {
		r.t.Errorf("%d streams, %d requests, %d buffers are lent", f.streams.lent, f.requests.lent, f.buffers.lent)
	}
}

// TestDNSTruncations: no beginning of a message breaks the Maker, and the question alone is enough.
func TestDNSTruncations(t *testing.T) {
	whole := reply(9, "a.example", "198.51.100.1", "198.51.100.2")
	for n := range len(whole) {
		r := newRig(t)
		r.datagram(true, query(9, "a.example")[:min(n, len(query(9, "a.example")))])
		r.datagram(false, whole[:n])
		r.Flush()
		for _, d := range contents[record.DNS](r) {
			if d.Name != "a.example" {
				t.Errorf("%d bytes: %+v", n, d)
			}
		}
	}
}
