// SPDX-License-Identifier: Apache-2.0

package flowtest

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/packet"
)

// Segment is a packet of a case of health. All packets of a case have the same two ends.
type Segment struct {
	Wait       time.Duration // since the previous packet
	FromServer bool
	Flags      uint8
	Seq, Ack   uint32
	Data       int // bytes of payload
	IsFull     bool
	// Segments is the number of packets on the wire that the kernel or the card made one of; 0: it is one.
	Segments uint32
	TTL, TOS uint8 // TTL 0: 64
	IsFirst  bool  // the first fragment of a datagram
}

// IP returns the segment as an IPv4 packet from 10.0.0.1, port 1000, or from 10.0.0.2, port 443.
func (s *Segment) IP() []byte {
	b := make([]byte, 40+s.Data)
	b[0], b[1], b[8], b[9] = 0x45, s.TOS, s.TTL, packet.ProtoTCP
	if s.TTL == 0 {
		b[8] = 64
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if s.IsFirst {
		b[6] = 0x20 // more fragments
	}
	client, server := 12, 16
	if s.FromServer {
		client, server = server, client
	}
	copy(b[client:], []byte{10, 0, 0, 1})
	copy(b[server:], []byte{10, 0, 0, 2})
	binary.BigEndian.PutUint16(b[20+(client-12)/2:], 1000)
	binary.BigEndian.PutUint16(b[20+(server-12)/2:], 443)
	binary.BigEndian.PutUint32(b[24:], s.Seq)
	binary.BigEndian.PutUint32(b[28:], s.Ack)
	b[32], b[33] = 5<<4, s.Flags
	if !s.IsFull {
		binary.BigEndian.PutUint16(b[34:], 1000)
	}
	return b
}

// IPv6 returns the same segment as an IPv6 packet, from fd00::1 or fd00::2.
func (s *Segment) IPv6() []byte {
	v4 := s.IP()
	b := make([]byte, 40, 40+20+s.Data)
	b[0], b[1], b[6], b[7] = 0x60|s.TOS>>4, s.TOS<<4, packet.ProtoTCP, v4[8]
	binary.BigEndian.PutUint16(b[4:], uint16(20+s.Data))
	b[8], b[23], b[24], b[39] = 0xfd, v4[15], 0xfd, v4[19]
	return append(b, v4[20:]...)
}

// HealthCase has the packets of one flow, and the health that they show.
type HealthCase struct {
	Name     string
	Segments []Segment
	Want     [2]packet.Health // of the client, of the server; Flags, TTL and DSCP only where the case is about them
	// RoundTrips are in microseconds, those of the parts between weir and the client, weir and the server.
	RoundTrips [2]uint32
}

// Check fails the test if what was found is not the case's; by names the finder. Without a clock of the packets it has
// to know the round trips only by whether they are known.
func (c *HealthCase) Check(t testing.TB, by string, ends [2]packet.Health, trips [2]uint32, hasClock bool) {
	t.Helper()
	for way := range ends {
		want, got := c.Want[way], ends[way]
		if want.Flags == 0 {
			got.Flags = 0
		}
		if want.TTL == 0 {
			got.TTL, got.DSCP = 0, 0
		}
		if got != want {
			t.Errorf("%s, %s: %s %+v, want %+v", c.Name, by, [2]string{"client", "server"}[way], got, want)
		}
		is, should := fmt.Sprint(trips[way]), fmt.Sprint(c.RoundTrips[way])
		if !hasClock {
			is, should = fmt.Sprint(trips[way] != 0), fmt.Sprint(c.RoundTrips[way] != 0)
		}
		if is != should {
			t.Errorf("%s, %s: round trips %v, want %v", c.Name, by, trips, c.RoundTrips)
		}
	}
}

// data and answer return packets with payload of the two ends, acks ones without.
func data(seq uint32, n int) Segment { return Segment{Flags: ack, Seq: seq, Data: n} }

func answer(seq uint32, n int) Segment {
	return Segment{FromServer: true, Flags: ack, Seq: seq, Data: n}
}

func full(s Segment) Segment { s.IsFull = true; return s }

func merged(segments uint32, s Segment) Segment { s.Segments = segments; return s }

func flagged(flags uint8, s Segment) Segment { s.Flags = flags; return s }

func in(wait time.Duration, s Segment) Segment { s.Wait = wait; return s }

// The handshake: 30 ms on the server's side, 2 ms on the client's. Data begin at 1001 and 9001.
var (
	theSYN    = Segment{Flags: syn, Seq: 1000}
	theSYNACK = Segment{FromServer: true, Flags: syn | ack, Seq: 9000, Ack: 1001, Wait: 30 * time.Millisecond}
	theACK    = Segment{Flags: ack, Seq: 1001, Ack: 9001, Wait: 2 * time.Millisecond}
)

func shake(more ...Segment) []Segment {
	return append([]Segment{theSYN, theSYNACK, theACK}, more...)
}

var shaken = [2]uint32{2_000, 30_000}

func resent(n uint32) [2]packet.Health { return [2]packet.Health{{Retransmits: n}} }

func disordered(n uint32) [2]packet.Health { return [2]packet.Health{{OutOfOrder: n}} }

// HealthCases covers the rules of flow.Health.
var HealthCases = []HealthCase{
	{"a handshake", shake(), [2]packet.Health{{Flags: syn | ack, TTL: 64}, {Flags: syn | ack, TTL: 64}}, shaken},
	{"data in order, acknowledged",
		shake(data(1001, 10), answer(9001, 20), data(1011, 5), answer(9021, 0), data(1016, 0), answer(9021, 7)),
		[2]packet.Health{}, shaken},
	{"the first packets' TTL and DSCP, all flags", []Segment{
		{Flags: syn, Seq: 1000, TTL: 63, TOS: 46<<2 | 1}, {FromServer: true, Flags: syn | ack | packet.ECE, TTL: 250},
		{Flags: ack | packet.PSH, TTL: 1, TOS: 4, Seq: 1001, Data: 1}, {FromServer: true, Flags: rst, TTL: 9},
		{Flags: fin | ack | packet.URG | packet.CWR, Seq: 1002},
	}, [2]packet.Health{
		{Flags: fin | syn | ack | packet.PSH | packet.URG | packet.CWR, TTL: 63, DSCP: 46},
		{Flags: syn | ack | rst | packet.ECE, TTL: 250, Resets: 1},
	}, [2]uint32{}},
	{"packets without flags", []Segment{flagged(0, data(10, 5)), flagged(0, data(15, 5)), flagged(0, data(10, 5))},
		resent(1), [2]uint32{}},

	{"a SYN that is repeated: which one was answered?",
		[]Segment{theSYN, in(time.Second, theSYN), theSYNACK, theACK}, resent(1), [2]uint32{2_000, 0}},
	{"a SYN-ACK that is repeated", []Segment{theSYN, theSYNACK, theSYNACK, theACK},
		[2]packet.Health{{}, {Retransmits: 1}}, [2]uint32{0, 30_000}},
	{"a SYN that is repeated after its SYN-ACK", []Segment{theSYN, theSYNACK, theSYN, theACK}, resent(1),
		[2]uint32{0, 30_000}},
	{"a new attempt: the SYN has another number",
		[]Segment{{Flags: syn, Seq: 77}, in(time.Second, theSYN), theSYNACK, theACK, data(1001, 5)},
		[2]packet.Health{}, shaken},
	{"a SYN-ACK that answers another SYN", []Segment{theSYN, {FromServer: true, Flags: syn | ack, Seq: 9000, Ack: 5},
		theACK}, [2]packet.Health{}, [2]uint32{}},
	{"from the SYN-ACK on", []Segment{theSYNACK, theACK}, [2]packet.Health{}, [2]uint32{2_000, 0}},
	{"from the ACK on", []Segment{theACK, answer(9001, 5)}, [2]packet.Health{}, [2]uint32{}},
	{"the client's first packet acknowledges something else",
		[]Segment{theSYN, theSYNACK, {Flags: ack, Seq: 1001, Ack: 4}}, [2]packet.Health{}, [2]uint32{0, 30_000}},
	{"both ends send a SYN (RFC 9293 §3.5)",
		[]Segment{theSYN, {FromServer: true, Flags: syn, Seq: 9000}, theSYNACK, theACK},
		[2]packet.Health{{}, {Retransmits: 1}}, [2]uint32{}},
	{"data with the SYN (RFC 7413)", []Segment{{Flags: syn, Seq: 1000, Data: 10},
		{FromServer: true, Flags: syn | ack, Seq: 9000, Ack: 1011, Wait: 30 * time.Millisecond},
		{Flags: ack, Seq: 1011, Ack: 9001, Wait: 2 * time.Millisecond, Data: 5}}, [2]packet.Health{}, shaken},
	{"a refused connection", []Segment{theSYN, {FromServer: true, Flags: rst | ack, Ack: 1001}},
		[2]packet.Health{{}, {Resets: 1}}, [2]uint32{}},

	{"data that is repeated", shake(data(1001, 10), data(1011, 10), data(1001, 10), data(1011, 10), data(1021, 3)),
		resent(2), shaken},
	{"data that is repeated in a flow whose start was not seen",
		[]Segment{data(500, 10), data(510, 10), data(500, 10)}, resent(1), [2]uint32{}},
	{"repeated as a part of more", shake(data(1001, 10), data(1001, 30), data(1031, 1)), resent(1), shaken},
	{"an aggregate that is repeated", shake(merged(3, data(1001, 30)), merged(3, data(1001, 30))), resent(3), shaken},
	{"an aggregate of which one segment is repeated",
		shake(data(1001, 10), merged(3, data(1001, 30)), data(1031, 1)), resent(1), shaken},
	{"an aggregate of which eleven of thirty bytes are repeated: two segments",
		shake(data(1001, 11), merged(3, data(1001, 30))), resent(2), shaken},
	{"a FIN that is repeated", shake(flagged(fin|ack, data(1001, 0)), flagged(fin|ack, data(1001, 0))), resent(1),
		shaken},
	{"the last data again, with the FIN", shake(data(1001, 10), flagged(fin|ack, data(1001, 10))), resent(1), shaken},
	{"the last byte again, with the FIN: one byte before new data",
		shake(data(1001, 10), flagged(fin|ack, data(1010, 1))), [2]packet.Health{}, shaken},
	{"data around the end of the sequence numbers", []Segment{data(0xfffffffa, 4), data(0xfffffffe, 4), data(2, 4),
		data(0xfffffffe, 4), data(6, 4)}, resent(1), [2]uint32{}},

	{"two packets in the wrong order", shake(data(1011, 10), data(1001, 10), data(1021, 10)), disordered(1), shaken},
	{"a loss before weir", shake(data(1001, 10), data(1021, 10), data(1031, 10), data(1011, 10), data(1041, 1)),
		disordered(1), shaken},
	{"a hole that is filled twice", shake(data(1011, 10), data(1001, 10), data(1001, 10)),
		[2]packet.Health{{OutOfOrder: 1, Retransmits: 1}}, shaken},
	{"three holes", shake(data(1001, 10), data(1021, 10), data(1041, 10), data(1061, 10), data(1011, 10),
		data(1031, 10), data(1051, 10), data(1011, 10)), [2]packet.Health{{OutOfOrder: 3, Retransmits: 1}}, shaken},
	{"a hole that is filled from its end", shake(data(1021, 10), data(1011, 10), data(1011, 10), data(1001, 10)),
		[2]packet.Health{{OutOfOrder: 2, Retransmits: 1}}, shaken},
	{"a hole that is filled from its middle", shake(data(1031, 10), data(1011, 10), data(1001, 10), data(1021, 10)),
		disordered(3), shaken},
	{"data before a hole that is repeated", shake(data(1001, 10), data(1021, 10), data(1001, 10), data(1011, 10)),
		[2]packet.Health{{OutOfOrder: 1, Retransmits: 1}}, shaken},
	{"an aggregate that fills a hole", shake(data(1021, 10), merged(2, data(1001, 20)), data(1031, 1)), disordered(2),
		shaken},
	{"a hole that is filled, and goes on", shake(data(1011, 10), data(1001, 40), data(1041, 1)), disordered(1), shaken},
	{"a hole that is forgotten for a later one", shake(data(1011, 10), data(2_000_000, 10), data(1001, 10)),
		resent(1), shaken},
	{"the middle of what a window never holds",
		shake(data(1001, 10), data(1001+1<<30+11, 10), data(1001+1<<30+11, 10), data(1001+1<<30+21, 10)),
		resent(1), shaken},
	{"back by more than a window holds", shake(data(1001, 10), data(3<<30, 10), data(3<<30+10, 10)), [2]packet.Health{},
		shaken},

	{"keep-alives", shake(data(1001, 10), data(1010, 0), data(1010, 1), answer(9000, 0), answer(9000, 1)),
		[2]packet.Health{}, shaken},
	{"window probes", shake(full(answer(9001, 0)), data(1001, 1), full(answer(9001, 0)), data(1001, 1), answer(9001, 0),
		data(1001, 10), data(1011, 1)), [2]packet.Health{{}, {ZeroWindows: 2}}, shaken},
	{"windows of 0 that stop nobody", []Segment{full(theSYN), full(theSYNACK), theACK,
		full(flagged(fin|ack, data(1001, 0))), full(flagged(rst, answer(9001, 0)))},
		[2]packet.Health{{}, {Resets: 1}}, shaken},
	{"resets, whose numbers say nothing", shake(data(1001, 10), flagged(rst, data(5, 0)), flagged(rst, data(1<<29, 0)),
		data(1011, 10), flagged(rst|ack, data(1021, 5)), data(1021, 5)), [2]packet.Health{{Resets: 3}}, shaken},
	{"a forged SYN", shake(data(1001, 10), Segment{Flags: syn, Seq: 5000}, data(1011, 10)), [2]packet.Health{}, shaken},
	{"a SYN-ACK with another number", shake(answer(9001, 5), Segment{FromServer: true, Flags: syn | ack, Seq: 5},
		answer(9006, 5)), [2]packet.Health{}, shaken},
	{"fragments", shake(Segment{Flags: ack, Seq: 1001, Data: 16, IsFirst: true},
		Segment{Flags: ack, Seq: 1001, Data: 16, IsFirst: true}, data(1041, 10)), [2]packet.Health{}, shaken},
}
