// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// interval is the part of a report that these tests read.
type interval struct {
	Sequence   uint64
	Last       bool
	Interfaces []struct {
		Name     string
		Received struct{ Packets, Bytes uint64 }
	}
	Totals struct {
		Protocols []struct {
			Packets     uint64
			ClientBytes uint64 `json:"client_bytes"`
			ServerBytes uint64 `json:"server_bytes"`
		}
	}
	Health struct {
		Processes []struct {
			Resident uint64 `json:"resident_bytes"`
		}
		Queues []struct{ Name string }
		Clock  *struct{ Synchronised *bool }
	}
	Flows []reportedFlow
}

type reportedFlow struct {
	Type, ID, State string
	Client, Server  endpoint
}

// reports reads the whole reports that weir has written so far, and holds them to their schema.
func reports(t *testing.T, schema *jsonschema.Schema, text string) (all []interval) {
	t.Helper()
	text = text[:strings.LastIndexByte(text, '\n')+1]
	for line := range strings.Lines(text) {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%v\n%.2000s", err, line)
		}
		var one interval
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// reportSchema compiles the schema of reports.
func reportSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	for _, text := range [][]byte{record.Schema, report.Schema} {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(document.(map[string]any)["$id"].(string), document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("https://weirnet.github.io/weir/schema/report-1.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// reported is what all reports add up to.
type reported struct {
	flows, wholes, deltas   int
	packets, bytes          uint64 // of the flows
	totalPackets, totalSize uint64 // of the totals
	received                uint64 // packets of the interfaces
}

// sum adds reports up as a sink does: a whole record has a flow's counts, a delta what came since.
func sum(all []interval) (s reported) {
	flows := map[string]endpoint{}
	for i := range all {
		for _, f := range all[i].Flows {
			n := endpoint{Packets: f.Client.Packets + f.Server.Packets, Bytes: f.Client.Bytes + f.Server.Bytes}
			if f.Type == "flow" {
				s.wholes++
			} else {
				s.deltas++
				n.Packets, n.Bytes = n.Packets+flows[f.ID].Packets, n.Bytes+flows[f.ID].Bytes
			}
			flows[f.ID] = n
		}
		for _, row := range all[i].Totals.Protocols {
			s.totalPackets, s.totalSize = s.totalPackets+row.Packets, s.totalSize+row.ClientBytes+row.ServerBytes
		}
		for _, l := range all[i].Interfaces {
			s.received += l.Received.Packets
		}
	}
	s.flows = len(flows)
	for _, n := range flows {
		s.packets, s.bytes = s.packets+n.Packets, s.bytes+n.Bytes
	}
	return s
}

// TestReports: over several intervals the reports tell of each packet that the kernel counted on the interface, once.
func TestReports(t *testing.T) {
	weir(t)
	schema := reportSchema(t)
	for _, mode := range []string{"ebpf", "afpacket", "libpcap"} {
		t.Run(mode, func(t *testing.T) {
			if mode == "libpcap" {
				needLibpcap(t)
			}
			h := quietHost(t, 1)
			r := launch(t, h, weir(t), "run", "--output", "report", "--report-every", "1s", "--interface", "in0",
				"--mode", mode)
			r.Await("watching")
			r.Await("WAN: ")
			before, err := h.Counters("in0")
			if err != nil {
				t.Fatal(err)
			}
			const flows, rounds, loops = 200, 3, 5
			var after lab.Counters
			for range rounds {
				if _, err := h.SendFrames(context.Background(), "out0", datagrams(flows),
					lab.Sending{Rate: 20000, Loops: loops}); err != nil {
					t.Fatal(err)
				}
				lab.Landed(t)
				if after, err = h.Counters("in0"); err != nil { // a busy machine drops some before that
					t.Fatal(err)
				}
				wait.Until(t, "the reports have all packets", func() bool {
					return sum(reports(t, schema, r.Stdout.String())).packets >= after.RxPackets-before.RxPackets
				})
			}
			r.end()
			checkReports(t, reports(t, schema, r.Stdout.String()), before, after, flows)
		})
	}
}

// checkReports compares the reports with the kernel's counters.
func checkReports(t *testing.T, all []interval, before, after lab.Counters, flows int) {
	t.Helper()
	for i := range all {
		if all[i].Sequence != uint64(i+1) || all[i].Last != (i == len(all)-1) {
			t.Errorf("report %d of %d has sequence %d, last %v", i+1, len(all), all[i].Sequence, all[i].Last)
		}
		if p := all[i].Health.Processes; len(p) != 2 || p[0].Resident == 0 || p[1].Resident == 0 {
			t.Errorf("report %d: processes %+v", i+1, p)
		}
	}
	got := sum(all)
	packets := after.RxPackets - before.RxPackets
	bytes := after.RxBytes - before.RxBytes - 14*packets
	t.Logf("%d reports: %+v", len(all), got)
	if got.flows != flows || got.packets != packets || got.bytes != bytes {
		t.Errorf("the reports have %d packets and %d bytes of %d flows; %d packets and %d bytes of %d came in",
			got.packets, got.bytes, got.flows, packets, bytes, flows)
	}
	if got.totalPackets != packets || got.totalSize != bytes {
		t.Errorf("the totals have %d packets and %d bytes, not %d and %d", got.totalPackets, got.totalSize, packets,
			bytes)
	}
	if got.received != packets {
		t.Errorf("the interface received %d packets by the reports, %d by the kernel", got.received, packets)
	}
	if got.wholes != flows || got.deltas < flows {
		t.Errorf("%d whole records of %d flows, %d deltas", got.wholes, flows, got.deltas)
	}
}
