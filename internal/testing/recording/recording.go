// SPDX-License-Identifier: Apache-2.0

// Package recording plays the recorded captures of testdata/ for tests and benchmarks: a record of each live flow a
// second, with the sides of private networks, as an agent on their gateway would have them.
package recording

import (
	"net/netip"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/enrich"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Play replays a capture.
func Play(t testing.TB, file string, apps *catalog.Catalog, emit func(*record.Flow) error) {
	t.Helper()
	if err := Replay(file, apps, emit); err != nil {
		t.Fatal(err)
	}
}

// Replay is Play for programs.
func Replay(file string, apps *catalog.Catalog, emit func(*record.Flow) error) error {
	in, err := pcapfile.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	var lan []netip.Prefix
	for _, text := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10",
		"192.0.2.0/24"} {
		lan = append(lan, netip.MustParsePrefix(text))
	}
	chain := enrich.New(nil, emit)
	chain.SetNetwork(topology.NewNetwork(topology.Sides{Networks: lan}, nil, nil, [2][]topology.Rule{}))
	p := engine.NewPipeline(engine.Config{Classifier: classify.New(apps), Protocols: dissect.NewTable(protocols.All()),
		UpdateEvery: time.Second}, 1, 0, func(f *record.Flow) error { return chain.Flow(f, time.Unix(0, f.LastSeen)) })
	var f pcapfile.Frame
	for known := 0; in.Next(&f) == nil; {
		for ; known <= f.Interface; known++ {
			p.AddInterface(in.Interfaces()[known].Name)
		}
		p.Frame(&engine.Frame{Data: f.Data, Length: f.Length, Time: f.Time, Interface: uint16(f.Interface),
			Link: in.Interfaces()[f.Interface].LinkType})
	}
	return p.Close()
}
