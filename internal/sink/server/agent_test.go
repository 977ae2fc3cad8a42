// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/enrol"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/ship/upload"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/sinktest"
)

// TestRealAgent: an agent's own spool and uploader, with a sink that is killed under it. Each report is stored once, in
// order; what the sink refuses is set aside; an agent that was revoked says so.
func TestRealAgent(t *testing.T) {
	folder, state := t.TempDir(), filepath.Join(t.TempDir(), "uplink")
	running := startSink(t, folder)
	code, err := control.Dial(folder).NewCode(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	known, err := enrol.Enrol(t.Context(), enrol.Request{Folder: state, URL: "https://" + running.address,
		Code: code.Code, Version: "test"})
	if err != nil || known.Name != "gateway" {
		t.Fatalf("%+v %v", known, err)
	}
	known, key, err := enrol.Load(state)
	if err != nil {
		t.Fatal(err)
	}
	queue, err := spool.Open(filepath.Join(t.TempDir(), "spool"), spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var address atomic.Value // of the sink that runs now
	address.Store(running.address)
	uploader, err := upload.New(queue, upload.Config{URL: known.URL, Key: key, Authority: []byte(known.Authority),
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address.Load().(string))
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { uploader.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })

	const all, broken = 90, 33
	var compressor compress.Compressor
	for i, line := range reportsOf(t, queue, known.Agent, all) {
		if i+1 == broken {
			line = []byte("{\n")
		}
		if err := queue.Put(uint64(i+1), compressor.Compress(nil, line, compress.Zstd), compress.Zstd); err != nil {
			t.Fatal(err)
		}
		uploader.Wake()
		if i%30 == 5 {
			running.end(syscall.SIGKILL)
			running = startSink(t, folder)
			address.Store(running.address)
		}
	}
	await(t, "the spool is empty", func() bool { return queue.Stats().Reports == 0 })
	await(t, "the agent knows that it is connected", func() bool { return uploader.State().Phase == upload.Connected })
	if s := queue.Stats(); s.Refused != 1 || s.Untold != 0 {
		t.Errorf("%+v %+v", s, uploader.State())
	}
	id := known.Agent
	if _, err := control.Dial(folder).Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := queue.Put(all+1, compressor.Compress(nil, []byte("{}\n"), compress.Zstd), compress.Zstd); err != nil {
		t.Fatal(err)
	}
	uploader.Wake()
	await(t, "the agent knows that it was revoked", func() bool { return uploader.State().Phase == upload.Rejected })
	if n := queue.Stats().Reports; n != 1 {
		t.Errorf("%d reports wait after that, want 1", n)
	}
	running.end(syscall.SIGTERM) // which empties the queue into the store
	file, err := os.Open(storeFile(filepath.Join(folder, "store")))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	next := uint64(1)
	for _, e := range readEntries(file) {
		if next == broken {
			next++
		}
		if e.Agent != id || e.Sequence != next {
			t.Fatalf("report %d of %s is stored, want %d", e.Sequence, e.Agent, next)
		}
		next++
	}
	if next != all+1 {
		t.Errorf("%d is the last stored report, want %d", next-1, all)
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(4 * sinktest.Patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// reportsOf returns reports with the spool's epoch and first numbers.
func reportsOf(t *testing.T, s *spool.Spool, agent string, n int) (lines [][]byte) {
	t.Helper()
	epoch, _ := s.Identity()
	var id report.ID
	if _, err := hex.Decode(id[:], []byte(agent)); err != nil {
		t.Fatal(err)
	}
	r := report.New(report.Config{Agent: id, Version: "test", Epoch: report.ID(epoch), MaxFlows: 10})
	r.Begin(report.Instant{Wall: 1_800_000_000e9, Monotonic: 1}, "")
	for i := range int64(n) {
		at := report.Instant{Wall: 1_800_000_015e9 + i*15e9, Monotonic: (i + 1) * 15e9}
		lines = append(lines, bytes.Clone(r.Close(&report.State{At: at, Mode: "ebpf"})))
	}
	return lines
}
