// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
)

// TestAllIsCollected: each count of the workers and of the capture raises one counter of its own.
func TestAllIsCollected(t *testing.T) {
	// Not collected: frames without a fault, and what Packets counts too.
	skip := []string{"Totals.Counters.Faults[0]", "Totals.Flows.Refused"}
	raised := map[metric.ID]string{}
	each(t, "Totals", func(totals *Totals, s *metric.Snapshot) { totals.Collect(s) }, skip, raised)
	each(t, "Losses", func(l *capture.Losses, s *metric.Snapshot) { l.Collect(s, false) }, nil, raised)
	var totals Totals
	totals.Dissect.Panics, totals.Cuts[1], totals.Names = 1, 2, 3
	sum := totals
	sum.addAll(&totals)
	if sum.Dissect.Panics != 2 || sum.Cuts[1] != 4 || sum.Names != 6 {
		t.Errorf("the sum is %+v", sum)
	}
}

// each sets one field of a T after the other, and checks which counter rises.
func each[T any](t *testing.T, name string, collect func(*T, *metric.Snapshot), skip []string,
	raised map[metric.ID]string) {
	var fields func(v reflect.Value, path string, visit func(reflect.Value, string))
	fields = func(v reflect.Value, path string, visit func(reflect.Value, string)) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fields(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
			}
		case reflect.Array:
			for i := range v.Len() {
				fields(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
			}
		default:
			visit(v, path)
		}
	}
	var counts T
	fields(reflect.ValueOf(&counts).Elem(), name, func(v reflect.Value, path string) {
		v.SetUint(7)
		defer v.SetUint(0)
		var s metric.Snapshot
		collect(&counts, &s)
		n := 0
		for id, value := range s {
			if value == 0 {
				continue
			}
			n++
			if other := raised[metric.ID(id)]; other != "" || value != 7 {
				t.Errorf("%s raises the counter of %s, to %d", path, other, value)
			}
			raised[metric.ID(id)] = path
		}
		if want := 1; n != want && !slices.Contains(skip, path) {
			t.Errorf("%s raises %d counters", path, n)
		}
	})
}

// TestOrders: the counters of faults and cuts are in the order of their packages.
func TestOrders(t *testing.T) {
	causes := map[metric.ID]string{}
	for id, c := range metric.All() {
		causes[id] = c.Cause
	}
	for fault := packet.FaultNone + 1; fault < packet.NumFaults; fault++ {
		if got := causes[metric.UndecodedLinkType+metric.ID(fault-1)]; got != fault.String() {
			t.Errorf("fault %s is counted as %s", fault, got)
		}
	}
	for cut, id := range map[dissect.Cut]metric.ID{dissect.CutHost: metric.HostsCut, dissect.CutText: metric.TextsCut,
		dissect.CutList: metric.ListsCut, dissect.CutMetadata: metric.MetadataCut,
		dissect.CutAnswers: metric.AnswersCut} {
		var c Counters
		c.countCuts(cut)
		var s metric.Snapshot
		c.Collect(&s)
		if s[id] != 1 {
			t.Errorf("cut %b is counted as %v", cut, c.Cuts)
		}
	}
}
