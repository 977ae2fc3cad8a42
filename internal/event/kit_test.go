// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/wire/dns"
)

// rig is a Maker with a sink that keeps what it gets.
type rig struct {
	t testing.TB
	*Maker
	events []Event
	room   int
	number uint64
	now    int64
	stream *Stream
	one    Packet
	next   [2]uint32 // sequence numbers
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, room: 1 << 20, now: 1, next: [2]uint32{1000, 0xfffffff0}}
	r.Maker = New(r)
	return r
}

func (r *rig) Describe(f Flow, e *Event) {
	copy(e.Flow[:], fmt.Sprintf("%032x", f.Index))
	e.Proto = 17
	e.Client.Addr, e.Server.Addr = netip.MustParseAddrPort("192.0.2.1:5000"), netip.MustParseAddrPort("192.0.2.2:53")
}

func (r *rig) Put(e *Event) bool {
	if len(r.events) >= r.room {
		return false
	}
	kept := *e
	kept.Content = append([]byte(nil), e.Content...)
	r.events = append(r.events, kept)
	return true
}

// datagram shows a datagram of flow 1, a millisecond after the last.
func (r *rig) datagram(fromClient bool, b []byte) {
	r.number, r.now = r.number+1, r.now+int64(time.Millisecond)
	r.Datagram(&Packet{Flow: Flow{1, 1}, Number: r.number, Time: r.now, Payload: b, Length: len(b),
		FromClient: fromClient})
}

// begin follows a flow from its start.
func (r *rig) begin(isHTTP bool) {
	r.stream = r.Begin(isHTTP, &Packet{Flow: Flow{1, 1}, Number: 1, Time: r.now},
		[2]Start{{Seq: r.next[0], Known: true}, {Seq: r.next[1], Known: true}})
}

// say shows a segment with the next bytes of a direction.
func (r *rig) say(way int, text string) {
	r.at(way, r.next[way], text)
	r.next[way] += uint32(len(text))
}

// at shows a segment.
func (r *rig) at(way int, seq uint32, text string) {
	r.number, r.now = r.number+1, r.now+int64(time.Millisecond)
	r.Segment(r.stream, &Packet{Flow: Flow{1, 1}, Number: r.number, Time: r.now, Payload: []byte(text),
		Length: len(text), Seq: seq, Ack: r.next[way^1], ACK: true, FromClient: way == 0})
}

// contents reads the events' contents.
func contents[T record.DNS | record.HTTP | record.TLS](r *rig) (all []T) {
	r.t.Helper()
	for i := range r.events {
		line := r.events[i].AppendJSON(nil)
		var e record.Event
		if err := e.Read(line); err != nil {
			r.t.Fatalf("%v in %s", err, line)
		}
		c, err := record.ReadContent[T](&e)
		if err != nil {
			r.t.Fatalf("%v in %s", err, line)
		}
		all = append(all, c)
	}
	return all
}

// wireName encodes a name.
func wireName(name string) (b []byte) {
	for label := range strings.SplitSeq(name, ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// message builds a DNS message with questions and addresses as answers.
func message(id uint16, isResponse bool, rcode int, questions []string, addresses ...string) []byte {
	flags := uint16(dns.RecursionDesired | rcode)
	if isResponse {
		flags |= dns.Response | dns.RecursionAvailable
	}
	b := binary.BigEndian.AppendUint16(nil, id)
	for _, n := range []int{int(flags), len(questions), len(addresses), 0, 0} {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	for _, q := range questions {
		b = append(append(b, wireName(q)...), 0, dns.TypeA, 0, dns.ClassIN)
	}
	for _, a := range addresses {
		b = append(b, 0xc0, dns.HeaderSize, 0, dns.TypeA, 0, dns.ClassIN, 0, 0, 0, 60, 0, 4)
		b = append(b, netip.MustParseAddr(a).AsSlice()...)
	}
	return b
}

func query(id uint16, name string) []byte { return message(id, false, 0, []string{name}) }

func reply(id uint16, name string, addresses ...string) []byte {
	return message(id, true, 0, []string{name}, addresses...)
}

// framed puts the length before a message.
func framed(b []byte) string {
	return string(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
}
