// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/packet"
)

// The traces. Both repeat the conversations recorded in testdata, each copy with its own client and server address, so
// that every copy is a flow that both programs have to inspect.
const (
	// shortPackets is the approximate number of packets in the trace of short flows; programs inspect nearly every one.
	shortPackets = 1_000_000
	// longestShort bounds the packets of a conversation in the trace of short flows: most flows on the Internet have
	// fewer than 20. Longer ones are left out, not cut, since real flows end.
	longestShort = 24
	// elephants is the number of concurrent large transfers in the other trace, and elephantPackets that of its
	// packets.
	elephants       = 200
	elephantPackets = 1_000_000
	// dataBytes is the TCP payload of an elephant's data packets; an ACK follows every second one.
	dataBytes = 1400
	// abreast is the number of concurrent conversations in the trace of short flows.
	abreast = 64
)

// frame is one frame of a recorded conversation.
type frame struct {
	data []byte
	time int64
}

// conversation is one flow of a recording.
type conversation []frame

// makeTraces writes short.pcap and elephant.pcap into dir.
func makeTraces(testdata, dir string) error {
	talks, err := conversations(testdata)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeTrace(filepath.Join(dir, "short.pcap"),
		func(w *tracer) { shortTrace(w, talks, abreast) }); err != nil {
		return err
	}
	return writeTrace(filepath.Join(dir, "elephant.pcap"), func(w *tracer) { elephantTrace(w, talks) })
}

// conversations reads testdata's TCP and UDP flows over plain Ethernet and IPv4.
func conversations(testdata string) ([]conversation, error) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.pcap"))
	if err != nil {
		return nil, err
	}
	var all []conversation
	for _, name := range files {
		talks, err := split(name)
		if err != nil {
			return nil, err
		}
		all = append(all, talks...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no captures", testdata)
	}
	return all, nil
}

func split(name string) ([]conversation, error) {
	r, err := pcapfile.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var order []string
	talks := map[string]conversation{}
	var f pcapfile.Frame
	var p packet.Packet
	for {
		if err := r.Next(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		p.Decode(r.Interfaces()[f.Interface].LinkType, f.Data, f.Length)
		if p.IPVersion != 4 || p.NetworkOffset != 14 || p.Fragment || !p.Dst.IsPrivate() && p.Dst.IsMulticast() ||
			p.Proto != packet.ProtoTCP && p.Proto != packet.ProtoUDP {
			continue
		}
		a, b := fmt.Sprint(p.Src, p.SrcPort), fmt.Sprint(p.Dst, p.DstPort)
		key := fmt.Sprint(p.Proto, min(a, b), max(a, b))
		if talks[key] == nil {
			order = append(order, key)
		}
		talks[key] = append(talks[key], frame{append([]byte(nil), f.Data...), f.Time})
	}
	var out []conversation
	for _, key := range order {
		out = append(out, talks[key])
	}
	return out, nil
}

// tracer writes frames a microsecond apart.
type tracer struct {
	out    *pcapfile.Writer
	now    int64
	frames int
	err    error
	kept   [][]byte // instead of out: the first most frames
	most   int
}

func writeTrace(name string, fill func(*tracer)) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := bufio.NewWriterSize(file, 1<<20)
	out, err := pcapfile.NewWriter(buffer, packet.LinkEthernet, 262144)
	if err != nil {
		return err
	}
	t := &tracer{out: out, now: 1_750_000_000e9}
	fill(t)
	if err := errors.Join(t.err, buffer.Flush(), file.Close()); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %d packets\n", name, t.frames)
	return nil
}

func (t *tracer) frame(data []byte) {
	t.now += 1000
	t.frames++
	if t.most > 0 {
		if len(t.kept) < t.most {
			t.kept = append(t.kept, slices.Clone(data))
		} else {
			t.err = errEnough
		}
		return
	}
	if err := t.out.WritePacket(t.now, data, len(data)); err != nil && t.err == nil {
		t.err = err
	}
}

// errEnough ends a trace kept in memory.
var errEnough = errors.New("enough")

// copyOf gives a frame's copy the addresses of conversation number n: the sender of the first frame is on the client's
// side.
func copyOf(dst []byte, f frame, first frame, n uint32) []byte {
	const source, destination = 14 + 12, 14 + 16
	dst = append(dst[:0], f.data...)
	fromFirst := string(f.data[source:source+4]) == string(first.data[source:source+4])
	client, server := source, destination
	if !fromFirst {
		client, server = destination, source
	}
	binary.BigEndian.PutUint32(dst[client:], 10<<24|n&0xffffff)
	binary.BigEndian.PutUint32(dst[server:], 100<<24|64<<16|n%50021)
	return dst
}

// shortTrace interleaves copies of all conversations, abreast at once, until the packets suffice.
func shortTrace(t *tracer, talks []conversation, abreast int) {
	type running struct {
		talk   conversation
		at     int
		number uint32
	}
	talks = slices.DeleteFunc(slices.Clone(talks), func(c conversation) bool { return len(c) > longestShort })
	var next uint32
	start := func() running {
		talk := talks[int(next)%len(talks)]
		next++
		return running{talk, 0, next}
	}
	now := make([]running, abreast)
	for i := range now {
		now[i] = start()
	}
	var buffer []byte
	for t.frames < shortPackets && t.err == nil {
		for i := range now {
			r := &now[i]
			buffer = copyOf(buffer, r.talk[r.at], r.talk[0], r.number)
			t.frame(buffer)
			if r.at++; r.at == len(r.talk) {
				*r = start()
			}
		}
	}
}

// elephantTrace begins large transfers with recorded TLS conversations and continues with full data packets and ACKs.
func elephantTrace(t *tracer, talks []conversation) {
	var openings []conversation
	for _, talk := range talks {
		if len(talk) >= 8 && talk[0].data[14+9] == packet.ProtoTCP &&
			binary.BigEndian.Uint16(talk[0].data[36:]) == 443 {
			openings = append(openings, talk[:8])
		}
	}
	var data, acks [elephants][]byte
	var buffer []byte
	for n := range uint32(elephants) {
		talk := openings[int(n)%len(openings)]
		for _, f := range talk {
			buffer = copyOf(buffer, f, talk[0], n)
			t.frame(buffer)
		}
		// The first packet's headers serve for the ACKs, and reversed for the data.
		acks[n] = tcpFrame(copyOf(nil, talk[0], talk[0], n), false, 0)
		data[n] = tcpFrame(copyOf(nil, talk[0], talk[0], n), true, dataBytes)
	}
	random := uint32(1)
	for t.frames < elephantPackets && t.err == nil {
		random = random*1664525 + 1013904223
		n := random >> 8 % elephants
		advance(data[n], dataBytes)
		t.frame(data[n])
		advance(data[n], dataBytes)
		t.frame(data[n])
		t.frame(acks[n])
	}
}

// tcpFrame makes a frame of an Ethernet, IPv4 and TCP header without options from a SYN's, in its direction or the
// opposite one.
func tcpFrame(syn []byte, reversed bool, payload int) []byte {
	const eth, ip = 14, 20
	f := make([]byte, eth+ip+20+payload)
	copy(f, syn[:eth+ip])
	copy(f[eth+ip:], syn[eth+ip:eth+ip+20])
	f[eth] = 0x45
	binary.BigEndian.PutUint16(f[eth+2:], uint16(len(f)-eth))
	f[eth+ip+12], f[eth+ip+13] = 5<<4, packet.ACK
	if reversed {
		for i := range 4 {
			f[eth+12+i], f[eth+16+i] = f[eth+16+i], f[eth+12+i]
		}
		f[eth+ip], f[eth+ip+2] = f[eth+ip+2], f[eth+ip]
		f[eth+ip+1], f[eth+ip+3] = f[eth+ip+3], f[eth+ip+1]
	}
	for i := eth + ip + 20; i < len(f); i++ {
		f[i] = byte(i * 167)
	}
	return f
}

func advance(f []byte, n uint32) {
	const seq = 14 + 20 + 4
	binary.BigEndian.PutUint32(f[seq:], binary.BigEndian.Uint32(f[seq:])+n)
}
