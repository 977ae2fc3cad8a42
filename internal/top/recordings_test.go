// SPDX-License-Identifier: Apache-2.0

package top

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	dissectors "github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/record"
)

// play runs a recording through the engine like a live capture, and calls second after each second of it.
func play(t testing.TB, file string, apps *catalog.Catalog, emit func(*record.Flow) error,
	second func(frames, bytes uint64)) {
	t.Helper()
	in, err := pcapfile.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p := engine.NewPipeline(engine.Config{
		Classifier: classify.New(apps), Protocols: dissect.NewTable(dissectors.All()), UpdateEvery: time.Second,
	}, 1, 0, emit)
	var f pcapfile.Frame
	var frames, bytes uint64
	var due int64
	for known := 0; in.Next(&f) == nil; frames, bytes = frames+1, bytes+uint64(f.Length) {
		for ; known <= f.Interface; known++ {
			p.AddInterface(in.Interfaces()[known].Name)
		}
		if due == 0 {
			due = f.Time + 1e9
		}
		for n := 0; f.Time >= due; due += 1e9 {
			if n++; n < 100 {
				second(frames, bytes)
			}
		}
		p.Frame(&engine.Frame{
			Data: f.Data, Length: f.Length, Time: f.Time, Interface: uint16(f.Interface),
			Link: in.Interfaces()[f.Interface].LinkType,
		})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	second(frames, bytes)
}

// TestRecordings plays every recording: the lists' sums equal the flows' final counts.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../../testdata/*.pcap")
	if err != nil || len(files) < 40 {
		t.Fatalf("testdata holds %d captures (%v)", len(files), err)
	}
	apps, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 80, 24, Options{})
	var bytes, ends uint64
	for _, file := range files {
		emit := func(f *record.Flow) error {
			if f.State == record.StateEnd {
				bytes += f.Client.Bytes + f.Server.Bytes
				ends++
			}
			return r.view.Flow(f)
		}
		keys := 0
		play(t, file, apps, emit, func(frames, bytes uint64) {
			r.sum.Packets, r.sum.Bytes = frames, bytes
			r.tick()
			r.keys([]string{"1", "2", "4", "<enter>", "7", "<esc>", "5", "<enter>", "6"}[keys%9])
			keys++
			r.lines()
		})
	}
	if ends == 0 || len(r.view.counts.flows) > r.view.counts.maxFlows {
		t.Fatalf("%d flows ended", ends)
	}
	for kind := range flows {
		var sum uint64
		live := 0
		for _, e := range r.list(kind) {
			sum, live = sum+e.bytes.Sum(), live+e.flows
		}
		if evicted := r.view.counts.tables[kind].evicted; sum != bytes && evicted == 0 || live != 0 {
			t.Errorf("list %d: %d bytes, want %d; %d flows live", kind, sum, bytes, live)
		}
	}
}
