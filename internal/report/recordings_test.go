// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/recording"
	"github.com/weirnet/weir/internal/topology"
)

// TestRecordings makes reports of all recordings. They keep to the schema, and yield each flow's last record.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../../testdata/*.pcap")
	if err != nil || len(files) < 40 {
		t.Fatalf("testdata holds %d captures (%v)", len(files), err)
	}
	apps, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	deltas, devices := 0, 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r, s := newReporter(1000), newSink(t, true)
			table := hosts.New()
			came := map[[32]byte]*record.Flow{}
			var unfolded Records
			last := map[[32]byte]string{} // as JSON
			records := 0
			end := func() {
				now := state(records)
				changed := table.Changed(256)
				for i := range changed {
					now.Devices = append(now.Devices, &changed[i])
				}
				devices += len(changed)
				line := r.Close(now)
				s.take(line)
				unfold(t, &unfolded, line, last)
			}
			recording.Play(t, file, apps, func(f *record.Flow) error {
				table.Flow(f, func(netip.Addr) topology.Place { return topology.Place{} })
				r.Flow(f)
				came[f.ID] = f.Clone()
				if records++; records%5 == 0 {
					end()
				}
				return nil
			})
			end()
			for _, f := range came {
				s.holds(f)
				if got, want := last[f.ID], string(f.AppendJSON(nil)); got != want {
					t.Errorf("the reports unfold to\n%s\nwant\n%s", got, want)
				}
			}
			if len(came) == 0 || len(s.flows) != len(came) || len(last) != len(came) || unfolded.Unknown != 0 {
				t.Errorf("the reports have %d flows, the recording %d", len(s.flows), len(came))
			}
			deltas += s.deltas
		})
	}
	if deltas < 20 || devices < 20 {
		t.Errorf("the reports of all recordings have %d deltas and %d devices", deltas, devices)
	}
}

// unfold keeps the last record of each flow of a report.
func unfold(t *testing.T, unfolded *Records, line []byte, last map[[32]byte]string) {
	t.Helper()
	report, err := NewReader(bytes.NewReader(line)).Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := unfolded.Read(report, func(f *record.Flow) error {
		last[f.ID] = string(f.AppendJSON(nil))
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestSchemaRefuses: the schema that holds reports is one that refuses others.
func TestSchemaRefuses(t *testing.T) {
	schema, err := compileSchema()
	if err != nil {
		t.Fatal(err)
	}
	r := newReporter(10)
	f := testFlow(1)
	r.Flow(f)
	r.Close(state(15))
	f.Client.Bytes++
	r.Flow(f)
	r.Flow(testFlow(2))
	line := r.Close(state(30))
	for name, spoil := range map[string]func(all, delta, whole map[string]any){
		"unknown member":       func(all, _, _ map[string]any) { all["more"] = "x" },
		"no sequence":          func(all, _, _ map[string]any) { delete(all, "sequence") },
		"an empty version":     func(all, _, _ map[string]any) { all["agent"].(map[string]any)["version"] = "" },
		"a number with a part": func(all, _, _ map[string]any) { all["sequence"] = 1.5 },
		"a flow without a type": func(_, delta, _ map[string]any) {
			delete(delta, "type")
		},
		"a delta without an id": func(_, delta, _ map[string]any) { delete(delta, "id") },
		"a delta of 0":          func(_, delta, _ map[string]any) { delta["client"].(map[string]any)["bytes"] = 0 },
		"an address in a delta": func(_, delta, _ map[string]any) {
			delta["client"].(map[string]any)["ip"] = "192.0.2.1"
		},
		"a record without ends": func(_, _, whole map[string]any) { delete(whole, "client") },
	} {
		all := decode(t, line)
		flows := all["flows"].([]any)
		if err := schema.Validate(all); err != nil {
			t.Fatal(err)
		}
		spoil(all, flows[0].(map[string]any), flows[1].(map[string]any))
		if schema.Validate(all) == nil {
			t.Errorf("the schema allows %s", name)
		}
	}
}
