// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// check checks that each event is a record that can be read, and that all memory comes back.
func (r *rig) check() {
	r.t.Helper()
	for i := range r.events {
		line := r.events[i].AppendJSON(nil)
		var e record.Event
		if err := e.Read(line); err != nil || !json.Valid(line) {
			r.t.Fatalf("%v in %s", err, line)
		}
	}
	r.checkReturned()
}

// FuzzDatagrams: any datagrams, each behind its length; the highest bit of that is the direction.
func FuzzDatagrams(f *testing.F) {
	seed := func(all ...[]byte) (b []byte) {
		for i, one := range all {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(one)|i<<15)), one...)
		}
		return b
	}
	f.Add(seed(query(1, "a.example"), reply(1, "a.example", "198.51.100.1")))
	f.Add(seed(message(1, false, 0, []string{"a.example", "b.example"}), message(1, true, 1, nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRig(t)
		r.Advance(r.now)
		for len(b) >= 2 {
			n := int(binary.BigEndian.Uint16(b))
			one := b[2:min(len(b), 2+n&0x7fff)]
			r.datagram(n>>15 == 0, one)
			r.Datagram(&Packet{Flow: Flow{1, 1}, Time: r.now, Payload: one, Length: len(one) + 1, Multicast: true})
			b = b[2+len(one):]
		}
		r.Advance(r.now + int64(time.Minute))
		r.Flush()
		r.check()
	})
}

// FuzzSegments: any segments. Before each: the direction and what is missing, where it begins, its length.
func FuzzSegments(f *testing.F) {
	requests, responses := conversation(8)
	var talk []byte
	for i := range requests {
		for way, text := range [2]string{requests[i], responses[i]} {
			talk = append(binary.BigEndian.AppendUint16(append(talk, byte(way), 0), uint16(len(text))), text...)
		}
	}
	f.Add(true, talk)
	f.Add(true, []byte("\x00\x00\x00\x40"+strings.Join(requests, "")))
	f.Add(false, []byte("\x00\x00\x00\x20"+framed(query(1, "a.example"))))
	f.Fuzz(func(t *testing.T, isHTTP bool, b []byte) {
		r := newRig(t)
		r.begin(isHTTP)
		if len(b)%3 == 0 {
			r.End(r.stream, 1)
			r.stream = r.Begin(isHTTP, &Packet{Flow: Flow{1, 1}, Time: r.now}, [2]Start{})
		}
		for len(b) >= 4 {
			way, shift, n := int(b[0]&1), int(int8(b[1])), int(binary.BigEndian.Uint16(b[2:]))
			text := b[4:min(len(b), 4+n)]
			missing := int(b[0] >> 1)
			r.number++
			r.Segment(r.stream, &Packet{Flow: Flow{1, 1}, Number: r.number, Time: r.now, Payload: text,
				Length: len(text) + missing, Seq: r.next[way] + uint32(16*shift), Ack: r.next[way^1], ACK: true,
				FromClient: way == 0})
			r.next[way] += uint32(len(text) + missing)
			b = b[4+len(text):]
		}
		for i := range r.stream.ways {
			if w := &r.stream.ways[i]; len(w.filled()) > streamBytes || w.nSpans > maxSpans {
				t.Errorf("%d bytes, %d spans wait", len(w.filled()), w.nSpans)
			}
		}
		r.End(r.stream, 1)
		r.Flush()
		r.check()
	})
}

// FuzzFindings: any findings of a dissector.
func FuzzFindings(f *testing.F) {
	f.Add([]byte(`"quic":{"version":"1"},"tls":{"version":"1.2","certificate_subject":"a\"b",` +
		`"certificate_organization":"O","certificate_sans":["a","b"],"resumed":true}`))
	f.Fuzz(func(t *testing.T, findings []byte) {
		r := newRig(t)
		r.TLS(Flow{1, 1}, 1, 1, findings)
		if !json.Valid(append(append([]byte("{"), findings...), '}')) {
			return // only a dissector's own are valid
		}
		for i := range r.events {
			if !json.Valid(r.events[i].Content) {
				t.Errorf("%s becomes %s", findings, r.events[i].Content)
			}
		}
	})
}
