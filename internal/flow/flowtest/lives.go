// SPDX-License-Identifier: Apache-2.0

// Package flowtest has the cases of a connection's life that package flow, both workers of the engine and the BPF
// programs are tested with, so that their rules agree.
package flowtest

import (
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// Packet is a packet of a TCP connection. All packets of a case have the same two ends.
type Packet struct {
	Wait       time.Duration // since the previous packet
	FromServer bool
	Flags      uint8
	Seq, Ack   uint32
	Payload    string
}

// Life is one flow.
type Life struct {
	Packets [2]uint64   // from the client, from the server
	End     flow.Reason // Shutdown: it is still live
}

// Case has packets, and the lives that they make.
type Case struct {
	Name    string
	Packets []Packet
	Lives   []Life // in order: each is over when the next one begins
}

// LifeOf returns the index of the life that packet i belongs to.
func (c *Case) LifeOf(i int) int {
	for life := range c.Lives {
		n := int(c.Lives[life].Packets[0] + c.Lives[life].Packets[1])
		if i < n {
			return life
		}
		i -= n
	}
	return -1
}

// Tail returns the index of the packet from which on the first life has ended for good; else len(Packets).
func (c *Case) Tail() int {
	var f flow.Flow
	tail := len(c.Packets)
	for i := range c.Packets {
		p, way := &c.Packets[i], 0
		if c.LifeOf(i) != 0 {
			return len(c.Packets)
		}
		if p.FromServer {
			way = 1
		}
		f.Packets[way]++
		f.Answer()
		switch f.Follow(p.Flags, p.Payload != "", way); {
		case f.State != flow.Ended:
			tail = len(c.Packets)
		case tail == len(c.Packets):
			tail = i + 1
		}
	}
	return tail
}

// Want fails the test if lives are not the case's; by names their maker.
func (c *Case) Want(t testing.TB, by string, lives []Life) {
	t.Helper()
	if !slices.Equal(lives, c.Lives) {
		t.Errorf("%s, %s: lives %v, want %v", c.Name, by, lives, c.Lives)
	}
}

// Flags holds the SYN, FIN and RST flags that a life's ends have sent, as a counting kernel keeps them: payload without
// a reset clears earlier resets.
type Flags [2]uint8

// Add adds a packet's flags.
func (f *Flags) Add(p *Packet) {
	if p.Payload != "" && p.Flags&packet.RST == 0 {
		f[0] &^= packet.RST
		f[1] &^= packet.RST
	}
	way := 0
	if p.FromServer {
		way = 1
	}
	f[way] |= p.Flags & (packet.SYN | packet.FIN | packet.RST)
}

const (
	syn, ack, fin, rst = packet.SYN, packet.ACK, packet.FIN, packet.RST

	isn   = 1000 // the client's first initial sequence number
	other = 5000 // that of another connection
)

// client and server return packets of the two ends.
func client(flags uint8, seq uint32, payload string) Packet {
	return Packet{Flags: flags, Seq: seq, Payload: payload}
}

func server(flags uint8, seq, ack uint32, payload string) Packet {
	return Packet{FromServer: true, Flags: flags, Seq: seq, Ack: ack, Payload: payload}
}

func after(wait time.Duration, p Packet) Packet {
	p.Wait = wait
	return p
}

func join(parts ...[]Packet) []Packet { return slices.Concat(parts...) }

// open returns a handshake and a question with its answer: two packets of the client, two of the server.
func open(isn uint32) []Packet {
	return []Packet{
		client(syn, isn, ""), server(syn|ack, 9000, isn+1, ""), client(ack, isn+1, "question"),
		server(ack, 9001, isn+9, "answer"),
	}
}

// What may follow open.
var (
	more      = client(ack, isn+9, "more")
	clientFIN = client(fin|ack, isn+9, "")
	serverFIN = server(fin|ack, 9007, isn+10, "")
	reset     = server(rst, 9007, 0, "")
)

// opened returns an open connection with more packets.
func opened(packets ...Packet) []Packet { return append(open(isn), packets...) }

func one(end flow.Reason, client, server uint64) []Life {
	return []Life{{[2]uint64{client, server}, end}}
}

func two(end flow.Reason, client, server, nextClient, nextServer uint64) []Life {
	return append(one(end, client, server), one(flow.Shutdown, nextClient, nextServer)...)
}

// Cases covers all rules.
var Cases = []Case{
	{"a connection that lives on", open(isn), one(flow.Shutdown, 2, 2)},
	{"a SYN that is repeated", join([]Packet{client(syn, isn, ""), client(syn, isn, "")}, open(isn)),
		one(flow.Shutdown, 4, 2)},
	{"one side's FIN leaves the connection half open",
		opened(clientFIN, server(ack, 9007, isn+10, "more")), one(flow.Shutdown, 3, 3)},
	{"both sides' FIN ends it",
		opened(clientFIN, serverFIN, client(ack, isn+10, "")),
		one(flow.Closed, 4, 3)},
	{"a reset ends it", opened(reset), one(flow.Reset, 2, 3)},
	{"acknowledgements after a reset don't revive it",
		opened(reset, client(ack, isn+9, "")), one(flow.Reset, 3, 3)},
	{"payload after a reset does: anyone can send one",
		opened(reset, more), one(flow.Shutdown, 3, 3)},
	{"a reset, payload, and another reset",
		opened(reset, more, reset),
		one(flow.Reset, 3, 4)},
	{"a reset with payload is one",
		opened(server(rst, 9007, 0, "why"), server(rst, 9007, 0, "why")), one(flow.Reset, 2, 4)},
	{"payload with the FIN goes on after a reset, and the FIN counts",
		opened(reset, client(fin|ack, isn+9, "bye"), server(fin|ack, 9007, isn+13, "")),
		one(flow.Closed, 3, 4)},
	{"a reset after both sides' FIN changes nothing",
		opened(clientFIN, serverFIN, client(rst, isn+10, "")),
		one(flow.Closed, 4, 3)},
	{"a reset between the two FINs changes nothing",
		opened(clientFIN, client(rst, isn+10, ""), serverFIN),
		one(flow.Closed, 4, 3)},
	{"a reset and payload on one side only", []Packet{client(syn, isn, ""), client(rst, isn+1, ""),
		client(ack, isn+1, "more")},
		one(flow.Shutdown, 3, 0)},

	{"a SYN after both sides' FIN",
		join(opened(clientFIN, serverFIN), open(other)), two(flow.Closed, 3, 3, 2, 2)},
	{"a SYN after a reset", join(opened(reset), open(other)), two(flow.Reset, 2, 3, 2, 2)},
	{"a SYN with the same number after a reset",
		[]Packet{client(syn, isn, ""), server(rst|ack, 0, isn+1, ""), client(syn, isn, "")},
		two(flow.Reset, 1, 1, 1, 0)},
	{"a SYN after one side's FIN", join(opened(clientFIN), open(other)), two(flow.Closed, 3, 2, 2, 2)},
	{"a SYN with the same number after one side's FIN",
		opened(clientFIN, client(syn, isn, "")), one(flow.Shutdown, 4, 2)},
	{"a SYN with another number while it lives, a trick", opened(client(syn, other, "")), one(flow.Shutdown, 3, 2)},
	{"a SYN with another number after a long silence",
		opened(after(31*time.Second, client(syn, other, ""))), two(flow.Idle, 2, 2, 1, 0)},
	{"a SYN with the same number after a long silence",
		opened(after(31*time.Second, client(syn, isn, ""))), one(flow.Shutdown, 3, 2)},
	{"a SYN with another number, the first without an answer",
		[]Packet{client(syn, isn, ""), after(31*time.Second, client(syn, other, ""))}, one(flow.Shutdown, 2, 0)},
	{"a SYN after a reset that payload took back",
		opened(reset, more, client(syn, other, "")), one(flow.Shutdown, 4, 3)},
	{"a SYN after the rest of an older connection",
		join([]Packet{client(ack, 77, "old"), server(ack, 88, 80, "old")}, open(isn)), two(flow.Idle, 1, 1, 2, 2)},
	{"a SYN after the rest of an older connection in which a SYN-ACK came",
		join([]Packet{client(ack, 77, "old"), server(syn|ack, 88, 80, "")}, open(isn)), two(flow.Idle, 1, 1, 2, 2)},
	{"a SYN-ACK begins nothing", opened(server(syn|ack, 4000, other+1, "")), one(flow.Shutdown, 2, 3)},
	{"a SYN-ACK that is seen before its SYN",
		join([]Packet{server(syn|ack, 9000, isn+1, "")}, open(isn)), one(flow.Shutdown, 2, 3)},
	{"a SYN with another number after a SYN-ACK that was seen first",
		[]Packet{server(syn|ack, 9000, isn+1, ""), client(syn, other, "")}, one(flow.Shutdown, 1, 1)},
}
