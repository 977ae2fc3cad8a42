// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/weirnet/weir/internal/sink/store"
)

// unknownFlows: changes of flows that never came are counted, their agent is named, and a whole record makes up for
// what was missing.
func unknownFlows(t *testing.T, open Open) {
	g := NewGateway(1, 31, 1000)
	for range 6 {
		g.Step()
	}
	s, m := open(t), newModel(t, g.Reports)
	if unknown := ingest(t, s, g.Reports[3:]...); !slices.Equal(unknown, []string{g.ID}) {
		t.Errorf("unknown flows of %q", unknown)
	}
	top, err := s.Top(t.Context(), &store.TopQuery{Range: always, By: store.ByAgent, Limit: 5})
	if err != nil || len(top.Rows) != 1 || top.Total.Packets == 0 {
		t.Errorf("of unknown flows %+v, %v", top, err)
	}
	for _, f := range pages(t, s, store.FlowsQuery{Range: always, Limit: 100}) {
		if record, ok := parse(t, f.Record).(map[string]any); !ok || record["direction"] == nil {
			t.Errorf("a flow without its whole record: %s", f.Record)
		}
	}
	if unknown := ingest(t, s, g.Reports[:3]...); len(unknown) != 0 {
		t.Errorf("unknown flows of %q when all have come", unknown)
	}
	for _, by := range Dimensions {
		checkTop(t, s, m, by, always.From, always.To)
	}
}

// refused: a line that is no report is refused by its index, and nothing of its call is stored.
func refused(t *testing.T, open Open) {
	g := NewGateway(1, 33, 1000)
	for range 3 {
		g.Step()
	}
	s := open(t)
	replace := func(old, with string) func([]byte) []byte {
		return func(line []byte) []byte {
			if !bytes.Contains(line, []byte(old)) {
				t.Fatalf("no %q in %s", old, line)
			}
			return bytes.ReplaceAll(line, []byte(old), []byte(with))
		}
	}
	for name, change := range map[string]func([]byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"cut":            func(line []byte) []byte { return line[:len(line)/2] },
		"two":            func(line []byte) []byte { return slices.Concat(line, line) },
		"another schema": replace(`"schema":1,"agent"`, `"schema":2,"agent"`),
		"no UTF-8":       replace("lan0", "lan\xff"),
		"another agent":  replace(g.ID, "00000000000000000000000000000000"),
		"another place":  replace(`"sequence":2`, `"sequence":3`),
		"a large count":  replace(`"packets":`, `"packets":9999999999999999`),
		"a wrong number": replace(`"packets":`, `"packets":-1e`),
		"a wrong time":   replace(`"period":{"begin":"2026`, `"period":{"begin":"9999`),
		"a wrong id":     replace(`"type":"flow_delta","id":"`, `"type":"flow_delta","id":"x`),
	} {
		reports := slices.Clone(g.Reports)
		reports[1].Line = change(bytes.Clone(reports[1].Line))
		_, err := s.Ingest(t.Context(), reports)
		var refused *store.RefusedError
		if !errors.As(err, &refused) || refused.Index != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	top, err := s.Top(t.Context(), &store.TopQuery{Range: always, By: store.ByAgent, Limit: 5})
	if err != nil || top.Total != (store.Sums{}) {
		t.Errorf("of refused reports is stored %+v, %v", top, err)
	}
	unknown := slices.Clone(g.Reports)
	add := replace(`"period":{`, `"new":[{"a":[null,true,-1.5e3,"\u00e9"]}],"period":{"x":{},`)
	unknown[1].Line = add(unknown[1].Line)
	ingest(t, s, unknown...)
	checkTop(t, s, newModel(t, g.Reports), store.ByApplication, always.From, always.To)
	// The context's end ends a call, and the store works on.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g.Step()
	if _, err := s.Ingest(ended, g.Reports[3:]); err == nil {
		t.Error("a call whose context has ended has no error")
	}
	if _, err := s.Top(ended, &store.TopQuery{Range: always, By: store.ByAgent, Limit: 5}); err == nil {
		t.Error("a question whose context has ended has an answer")
	}
	ingest(t, s, g.Reports[3:]...)
	checkTop(t, s, newModel(t, g.Reports), store.ByHost, always.From, always.To)
}

// concurrent: questions are answered while reports are stored.
func concurrent(t *testing.T, open Open) {
	g := NewGateway(1, 35, 1000)
	for range 20 {
		g.Step()
	}
	s := open(t)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			var before uint64
			for {
				top, err := s.Top(t.Context(), &store.TopQuery{Range: always, By: store.ByHost, Limit: 5})
				if err == nil && top.Total.Flows < before {
					err = errors.New("flows have gone")
				}
				if err == nil {
					before = top.Total.Flows
					_, err = s.Flows(t.Context(), &store.FlowsQuery{Range: always, Limit: 5})
				}
				if err == nil {
					_, err = s.Agents(t.Context())
				}
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for _, r := range g.Reports {
		ingest(t, s, r)
	}
	close(stop)
	readers.Wait()
	checkTop(t, s, newModel(t, g.Reports), store.ByHost, always.From, always.To)
}
