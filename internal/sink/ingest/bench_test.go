// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/sink/queue"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

// flowsReport returns a report of that many new flows.
func flowsReport(agent string, flows int) []byte {
	c := report.Config{Version: "test", Epoch: report.ID{1}, MaxFlows: flows}
	_, _ = hex.Decode(c.Agent[:], []byte(agent))
	r := report.New(c)
	r.Begin(report.Instant{Wall: 1_800_000_000e9}, "")
	random := rand.New(rand.NewPCG(1, 2))
	for n := range flows {
		f := &record.Flow{CommunityID: []byte(fmt.Sprintf("1:%027x=", random.Uint64())), State: record.StateNew,
			Interface: "lan0", IPVersion: 4, Proto: packet.ProtoTCP, Direction: record.DirectionOutbound,
			Protocol: "tls", Application: "example", Category: "web",
			Hostname: []byte(fmt.Sprintf("h%d.example.com", n%500)),
			Method:   record.MethodDPI, ApplicationMethod: record.ByHost, FirstSeen: 1_800_000_001e9,
			LastSeen: 1_800_000_002e9}
		f.Client = record.Endpoint{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, byte(n >> 8), byte(n)}),
			uint16(n)), Packets: 3, Bytes: random.Uint64N(1e6), Side: record.SideLAN}
		f.Server = record.Endpoint{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 443),
			Packets: 2, Bytes: random.Uint64N(1e6), Side: record.SideWAN}
		hex.Encode(f.ID[:], binaryID(random))
		r.Flow(f)
	}
	return bytes.Clone(r.Close(&report.State{At: report.Instant{Wall: 1_800_000_015e9, Monotonic: 15e9}, Mode: "ebpf"}))
}

func binaryID(random *rand.Rand) []byte {
	var b [16]byte
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b[:]
}

// BenchmarkIngest measures from a signed, compressed request to the yes, with the queue on disk.
func BenchmarkIngest(b *testing.B) {
	const flows = 10_000
	bench := newBench(b)
	q, err := queue.Open(queue.Config{Folder: b.TempDir(), MaxBytes: 1 << 40}, func(*store.Report) {})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // what is read goes, as when it is drained
		defer close(ended)
		for {
			batch, err := q.Next(context.Background(), 64<<20)
			if err != nil || q.Advance(batch) != nil {
				return
			}
		}
	}()
	defer func() {
		q.Close()
		<-ended
	}()
	bench.in.queue = q
	line := flowsReport(bench.id(), flows)
	body := zstdOf(b, line)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		bench.now = bench.now.Add(time.Second)
		bench.in.seen = newSeen()
		w := httptest.NewRecorder()
		bench.in.ServeHTTP(w, bench.request("zstd", body))
		if w.Code != http.StatusOK || bytes.Contains(w.Body.Bytes(), []byte(uplink.Refused)) {
			b.Fatal(w.Code, w.Body)
		}
	}
	b.ReportMetric(float64(flows*b.N)/b.Elapsed().Seconds(), "flows/s")
}

// BenchmarkEnvelope measures the check of a report's JSON.
func BenchmarkEnvelope(b *testing.B) {
	line := flowsReport(agentID, 10_000)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readEnvelope(line); err != nil {
			b.Fatal(err)
		}
	}
}
