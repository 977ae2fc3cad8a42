// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirnet/weir/internal/record"
)

// sink does what a sink does with reports: it holds all flows, as the reports describe them.
type sink struct {
	t        testing.TB
	schema   *jsonschema.Schema // nil: not checked
	flows    map[string]map[string]any
	sequence uint64
	end      string // of the last period
	wholes   int
	deltas   int
	last     map[string]any
}

var compileSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	for _, text := range [][]byte{record.Schema, Schema} {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if err := compiler.AddResource(document.(map[string]any)["$id"].(string), document); err != nil {
			return nil, err
		}
	}
	return compiler.Compile("https://weirnet.github.io/weir/schema/report-1.json")
})

func newSink(t testing.TB, isChecked bool) *sink {
	t.Helper()
	s := &sink{t: t, flows: map[string]map[string]any{}}
	if isChecked {
		var err error
		if s.schema, err = compileSchema(); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// decode reads JSON with its numbers as they are.
func decode(t testing.TB, text []byte) (all map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		t.Fatalf("%v: %.2000s", err, text)
	}
	return all
}

func number(v any) uint64 {
	text, _ := v.(json.Number)
	n, _ := strconv.ParseUint(string(text), 10, 64)
	return n
}

// take takes a report.
func (s *sink) take(line []byte) {
	s.t.Helper()
	if !bytes.HasSuffix(line, []byte("}\n")) || bytes.Count(line, []byte("\n")) != 1 {
		s.t.Fatalf("not one line: %q", line)
	}
	all := decode(s.t, line)
	if s.schema != nil {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := s.schema.Validate(document); err != nil {
			s.t.Errorf("%v\n%.3000s", err, line)
		}
	}
	s.sequence++
	period := all["period"].(map[string]any)
	if number(all["sequence"]) != s.sequence || s.end != "" && period["begin"] != s.end {
		s.t.Errorf("sequence %v after %d, begins %v after %v", all["sequence"], s.sequence-1, period["begin"], s.end)
	}
	s.end, _ = period["end"].(string)
	s.last = all
	seen := map[string]bool{}
	for _, f := range all["flows"].([]any) {
		flow := f.(map[string]any)
		id := flow["id"].(string)
		if seen[id] {
			s.t.Errorf("flow %s is twice in a report", id)
		}
		seen[id] = true
		s.flow(id, flow)
	}
}

func (s *sink) flow(id string, flow map[string]any) {
	s.t.Helper()
	if flow["type"] == "flow" {
		s.wholes++
		s.flows[id] = flow
		return
	}
	s.deltas++
	known := s.flows[id]
	if known == nil {
		s.t.Fatalf("a delta of flow %s, whose record never came", id)
	}
	apply(known, flow)
}

// Members of a record by what the schema says of a delta's groups.
var (
	verdictMembers = []string{"protocol", "application", "category", "hostname", "hostname_method", "method",
		"application_method", "tunnel"}
	connectionMembers = []string{"nat", "conntrack", "offloaded"}
	singleMembers     = []string{"state", "last_seen", "direction", "first_seen", "risks"}
	otherMembers      = []string{"type", "schema", "id", "community_id", "end_reason", "interface", "vlan",
		"ip_version", "ip_proto", "client", "server"}
)

// isFinding reports whether a member is of a dissector.
func isFinding(name string, _ any) bool {
	return !slices.Contains(slices.Concat(verdictMembers, connectionMembers, singleMembers, otherMembers), name)
}

// apply brings a known record up to date.
func apply(known, delta map[string]any) {
	for _, name := range singleMembers {
		if v, ok := delta[name]; ok {
			known[name] = v
		}
	}
	replace := func(names []string) {
		for _, name := range names {
			delete(known, name)
			if v, ok := delta[name]; ok {
				known[name] = v
			}
		}
	}
	replace([]string{"end_reason"})
	if delta["method"] != nil {
		replace(verdictMembers)
	}
	if delta["nat"] != nil || delta["conntrack"] != nil || delta["offloaded"] != nil {
		replace(connectionMembers)
	}
	findings := maps.Clone(delta)
	maps.DeleteFunc(findings, func(name string, v any) bool { return !isFinding(name, v) })
	if len(findings) > 0 {
		maps.DeleteFunc(known, isFinding)
		maps.Copy(known, findings)
	}
	for _, name := range []string{"client", "server"} {
		end := known[name].(map[string]any)
		change, _ := delta[name].(map[string]any)
		for _, count := range []string{"packets", "bytes"} {
			end[count] = json.Number(fmt.Sprint(number(end[count]) + number(change[count])))
		}
		if delta["direction"] == nil {
			continue
		}
		for _, place := range []string{"mac", "side"} {
			delete(end, place)
			if v, ok := change[place]; ok {
				end[place] = v
			}
		}
	}
}

// holds compares what the sink knows of a flow with a record.
func (s *sink) holds(f *record.Flow) {
	s.t.Helper()
	want, _ := json.Marshal(decode(s.t, f.AppendBrief(nil)))
	if got, _ := json.Marshal(s.flows[string(f.ID[:])]); !bytes.Equal(got, want) {
		s.t.Errorf("the reports tell of flow %s\n     %s\nbut it is\n     %s", f.ID[:], got, want)
	}
}
