// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// frames reads all frames of the recordings, with memory of their own.
func frames(t testing.TB) []engine.Frame {
	t.Helper()
	var all []engine.Frame
	for _, file := range captures(t) {
		r, err := pcapfile.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		var f pcapfile.Frame
		for r.Next(&f) == nil {
			all = append(all, engine.Frame{Data: slices.Clone(f.Data), Length: f.Length, Time: f.Time,
				Link: r.Interfaces()[f.Interface].LinkType})
		}
		r.Close()
	}
	return all
}

// validating returns a pipeline that checks that each record is JSON without control characters.
func validating(t testing.TB, c engine.Config, records *int) *engine.Pipeline {
	return engine.NewPipeline(c, 1, 0, func(f *record.Flow) error {
		*records++
		line := f.AppendJSON(nil)
		if !json.Valid(line) {
			t.Fatalf("not JSON: %q", line)
		}
		for _, c := range line {
			if c < ' ' || c == 0x7f {
				t.Fatalf("a control character in %q", line)
			}
		}
		return nil
	})
}

// TestEveryCut cuts every frame of the recordings at every length (reliability A3): no panic (OnPanic fails the test),
// and valid records.
func TestEveryCut(t *testing.T) {
	all := frames(t)
	if testing.Short() {
		all = all[:len(all)/10]
	}
	records, now := 0, int64(0)
	p := validating(t, config(t), &records)
	for _, f := range all {
		whole := f.Data
		step := max(1, len(whole)/200) // all lengths of small frames; whole headers of large ones
		for n := 0; n <= len(whole); n++ {
			if n > 200 && n%step != 0 {
				continue
			}
			cut := f
			cut.Data = whole[:n:n]
			now += int64(10 * time.Minute) // a new flow for each, so that dissectors see it
			cut.Time = now
			p.Frame(&cut)
		}
	}
	if err := p.Close(); err != nil || records == 0 {
		t.Fatal(err, records)
	}
}

// TestMutations sends mutated copies of the recordings (reliability A2): flipped bits, changed bytes and lengths.
func TestMutations(t *testing.T) {
	all := frames(t)
	random := rand.New(rand.NewPCG(5, 6))
	rounds := 20
	if testing.Short() {
		rounds = 2
	}
	records := 0
	p := validating(t, config(t), &records)
	for round := range rounds {
		for _, f := range all {
			f.Time += int64(round) * int64(24*time.Hour) // new flows
			data := slices.Clone(f.Data)
			for range 1 + random.IntN(4) {
				at := random.IntN(len(data))
				switch random.IntN(3) {
				case 0:
					data[at] ^= 1 << random.IntN(8)
				case 1:
					data[at] = byte(random.Uint32())
				case 2:
					data[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[random.IntN(5)]
				}
			}
			f.Data = data
			p.Frame(&f)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNoAllocationPerPacket: a packet of a named flow, or of one that has no name, allocates nothing.
func TestNoAllocationPerPacket(t *testing.T) {
	p := engine.NewPipeline(config(t), 1, 0, func(*record.Flow) error { return nil })
	all := frames(t)
	for i := range all {
		all[i].Time = all[0].Time // one tick, so that no flow ends
		p.Frame(&all[i])
	}
	for i := range all { // again: by now every flow is decided or has used its budget
		for range 12 {
			p.Frame(&all[i])
		}
	}
	total := 0.0
	for i := 0; i < len(all); i += 7 {
		total += testing.AllocsPerRun(10, func() { p.Frame(&all[i]) })
	}
	if total != 0 {
		t.Errorf("%v allocations over %d packets", total, len(all)/7)
	}
}

// tcp returns an Ethernet frame of a TCP segment from 10.a.b.c port n to 198.51.100.1:port.
func tcp(host uint32, n, port uint16, seq uint32, flags byte, payload []byte) []byte {
	f := make([]byte, 54+len(payload))
	f[12], f[13] = 8, 0
	ip := f[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, packet.ProtoTCP
	ip[2], ip[3] = byte((len(f)-14)>>8), byte(len(f)-14)
	copy(ip[12:], []byte{10, byte(host >> 16), byte(host >> 8), byte(host), 198, 51, 100, 1})
	th := ip[20:]
	th[0], th[1], th[2], th[3] = byte(n>>8), byte(n), byte(port>>8), byte(port)
	th[4], th[5], th[6], th[7] = byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq)
	th[12], th[13] = 0x50, flags
	copy(th[20:], payload)
	return f
}

// TestHoles opens 100,000 TCP flows with a hole each (reliability B4): memory stays bounded, and complete flows among
// them are named.
func TestHoles(t *testing.T) {
	named := 0
	c := config(t)
	c.Flows = flow.Config{MaxFlows: 1 << 18}
	p := engine.NewPipeline(c, 1, 0, func(f *record.Flow) error {
		if f.Protocol == "http" && f.Method == record.MethodDPI {
			named++
		}
		return nil
	})
	now := int64(1.7e18)
	send := func(data []byte) {
		p.Frame(&engine.Frame{Data: data, Length: len(data), Time: now, Link: packet.LinkEthernet})
	}
	before := heap()
	junk := make([]byte, 1400)
	for n := range uint32(100_000) {
		send(tcp(n, 40000, 80, 1000, packet.SYN, nil))
		send(tcp(n, 40000, 80, 3001, packet.ACK, junk)) // 2,000 bytes are missing before it
		if n%100 == 0 {
			send(tcp(n, 40001, 80, 1000, packet.SYN, nil))
			send(tcp(n, 40001, 80, 1001, packet.ACK, []byte("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n")))
		}
	}
	grown := heap() - before
	if limit := int64(32<<20 + 100_000*1200); grown > limit {
		t.Errorf("%d MiB for 100,000 flows with holes, want at most %d", grown>>20, limit>>20)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if named < 990 {
		t.Errorf("%d of 1000 flows in good order were named", named)
	}
	if p.Totals().Dissect.BufferLimit == 0 {
		t.Error("the limit was not reached: this test shows nothing")
	}
}

// TestMemoryPerFlow: after the verdict a flow takes at most 512 bytes, metadata included.
func TestMemoryPerFlow(t *testing.T) {
	c := config(t)
	const first, flows = 50_000, 150_000 // the first ones fill pools and tables that the others reuse
	c.Flows = flow.Config{MaxFlows: flows * 2}
	p := engine.NewPipeline(c, 1, 0, func(*record.Flow) error { return nil })
	now := int64(1.7e18)
	var before int64
	for n := range uint32(flows) {
		if n == first {
			before = heap()
		}
		for _, data := range [][]byte{
			tcp(n, 40000, 80, 1000, packet.SYN, nil),
			tcp(n, 40000, 80, 1001, packet.ACK, []byte("GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n"+
				"User-Agent: curl/8.5.0\r\n\r\n")),
			answer(n, "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: 0\r\n"+
				"\r\n"),
		} {
			p.Frame(&engine.Frame{Data: data, Length: len(data), Time: now, Link: packet.LinkEthernet})
		}
	}
	per := (heap() - before) / (flows - first)
	if per > 512 {
		t.Errorf("%d bytes a flow, want at most 512", per)
	}
	t.Logf("%d bytes a flow", per)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// answer returns the server's segment for the client's request of TestMemoryPerFlow.
func answer(host uint32, text string) []byte {
	f := tcp(host, 40000, 80, 7001, packet.ACK, []byte(text))
	ip := f[14:]
	for i := range 4 {
		ip[12+i], ip[16+i] = ip[16+i], ip[12+i]
	}
	th := ip[20:]
	th[0], th[1], th[2], th[3] = th[2], th[3], th[0], th[1]
	return f
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestTimeJumps plays recordings with a clock that jumps by years: no flow is lost.
func TestTimeJumps(t *testing.T) {
	all := frames(t)
	count := func(shift func(i int) int64) int {
		records := 0
		p := validating(t, config(t), &records)
		for i, f := range all {
			f.Time += shift(i)
			p.Frame(&f)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		return records
	}
	plain := count(func(int) int64 { return 0 })
	const year = int64(365 * 24 * time.Hour)
	if n := count(func(i int) int64 { return int64(i%3-1) * 30 * year }); n < plain {
		t.Errorf("%d records with a jumping clock, %d without", n, plain)
	}
}
