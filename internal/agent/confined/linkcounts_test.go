// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/topology"
)

// TestLinkCounts: a link's counters come with the first ones that were read; after a failure they stay as they were.
func TestLinkCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := uint64(0)
		var logged []string
		c := &linkCounts{due: make(chan struct{}, 1), log: func(format string, args ...any) {
			logged = append(logged, fmt.Sprintf(format, args...))
		}}
		c.dump = func() (map[uint32]topology.Statistics, error) {
			if reads++; reads == 4 {
				return nil, errors.New("no socket")
			}
			all := map[uint32]topology.Statistics{1: {RxPackets: reads}}
			if reads > 1 {
				all[2] = topology.Statistics{RxPackets: 10 * reads}
			}
			return all, nil
		}
		network := topology.NewNetwork(topology.Sides{}, nil, nil, [2][]topology.Rule{})
		watched := []watchedLink{{2, "wan0"}, {1, "lan0"}, {3, "new0"}}
		check := func(when string, want ...LinkCounts) {
			synctest.Wait()
			if got := c.of(watched, network); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		counts := func(index uint32, name string, began, now uint64) LinkCounts {
			return LinkCounts{Index: index, Name: name, Began: topology.Statistics{RxPackets: began},
				Now: topology.Statistics{RxPackets: now}}
		}
		check("before the first reading")
		c.read()
		stop := c.start()
		check("at the start", counts(1, "lan0", 1, 1))
		c.second()
		check("after a second", counts(2, "wan0", 20, 20), counts(1, "lan0", 1, 2))
		c.second()
		check("after two", counts(2, "wan0", 20, 30), counts(1, "lan0", 1, 3))
		stop()
		check("after the end", counts(2, "wan0", 20, 30), counts(1, "lan0", 1, 3))
		if reads != 4 || len(logged) != 1 {
			t.Errorf("%d readings, %q", reads, logged)
		}
		c.read()
		if reads != 4 {
			t.Error("it went on after a failure")
		}
	})
}

// TestLinkCountsStuck: a reading that hangs holds the end up for a moment only.
func TestLinkCountsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		c := &linkCounts{due: make(chan struct{}, 1), dump: func() (map[uint32]topology.Statistics, error) {
			<-goOn
			return nil, nil
		}}
		began := time.Now()
		c.start()()
		if took := time.Since(began); took != lastCountsTime {
			t.Errorf("it took %v", took)
		}
		close(goOn)
	})
	var none *linkCounts
	none.second()
	none.read()
	none.start()()
	if none.of([]watchedLink{{1, "lan0"}}, nil) != nil {
		t.Error("nobody counts, but there are counts")
	}
}
