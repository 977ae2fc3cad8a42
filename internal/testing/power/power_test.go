// SPDX-License-Identifier: Apache-2.0

package power

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// cuts is how often the power fails, by a variable.
func cuts(t *testing.T, variable string, without int) int {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s: must be a number from 1 on", variable, text)
	}
	return n
}

// numberOfCuts is that of spool and queue.
func numberOfCuts(t *testing.T) int { return cuts(t, "WEIR_POWER_CUTS", 20) }

// seeded returns a source that WEIR_POWER_SEED repeats. What the machine does differs each time; the moments of the
// cuts, in requests to its disks, and what of the disks' caches survives come from it.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if text, ok := os.LookupEnv("WEIR_POWER_SEED"); ok {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("WEIR_POWER_SEED: %v", err)
		}
	}
	t.Logf("WEIR_POWER_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// rig is a machine with a spool on its first disk and a queue on its second one.
type rig struct {
	*machine
	spool *spoolModel
	queue *queueModel
	boots int
}

const diskBytes = 16 << 20

func newRig(t *testing.T) *rig {
	m := newMachine(t, "WEIR_POWER_FILES", seeded(t), format(t, diskBytes), format(t, diskBytes))
	return &rig{m, newSpoolModel(), newQueueModel(), 0}
}

// Who uses each disk.
var users = [...]string{"agent", "sink"}

// cut boots, and cuts the power at a random moment: of the start, or of the work after it. Without sync nothing may
// reach a disk for long, so a number of promises ends the work too.
func (r *rig) cut(parameters string) {
	r.boots++
	isSmall := r.boots%3 == 0
	if isSmall {
		parameters += " " + Capped
	}
	r.spool.begin(isSmall)
	r.queue.begin()
	n := r.random.IntN(len(users))
	requests, promises, ready := 1+r.random.IntN(1500), 1+r.random.IntN(300), 0
	isEarly := r.random.IntN(4) == 0
	if isEarly {
		r.disks[n].failAfter(1 + r.random.IntN(60))
	}
	r.boot(fmt.Sprintf("%s %s%d", parameters, First, r.boots<<20), func(s Said) bool {
		switch s.Who {
		case "agent":
			r.spool.hear(&s)
		case "sink":
			r.queue.hear(&s)
		default:
			r.t.Errorf("boot %d: %+v", r.boots, s)
			return true
		}
		switch s.What {
		case Failed:
			return true
		case Ready:
			if ready++; ready == len(users) && !isEarly {
				r.disks[n].failAfter(requests)
			}
		case Stored:
			if s.Who == users[n] {
				promises--
			}
		}
		return ready == len(users) && promises <= 0
	})
}

// TestCuts: what the spool has stored and what the queue has acknowledged survives each power cut, whole, in order and
// once, and both start again.
func TestCuts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range numberOfCuts(t) {
		r.cut("")
		r.check()
		if t.Failed() {
			return
		}
	}
	acknowledged := 0
	for _, reports := range r.queue.all {
		acknowledged += number(reports)
	}
	t.Logf("%d cuts, %d reports spooled, %d acknowledged", r.boots, number(r.spool.all), acknowledged)
	if number(r.spool.all) == 0 || acknowledged == 0 {
		t.Error("nothing was stored")
	}
}

func (r *rig) check() {
	for _, f := range append(r.spool.faults, r.queue.faults...) {
		r.t.Error(f)
	}
}

// TestWithoutSync: the same test finds that a program which does not sync loses reports, both in the spool and in the
// queue.
func TestWithoutSync(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range numberOfCuts(t) {
		r.cut(NoSync)
		if t.Failed() {
			return
		}
		if len(r.spool.faults) > 0 && len(r.queue.faults) > 0 {
			t.Logf("after %d cuts: %s, and %d more; %s, and %d more", r.boots,
				r.spool.faults[0], len(r.spool.faults)-1, r.queue.faults[0], len(r.queue.faults)-1)
			return
		}
	}
	t.Errorf("%d cuts found %d faults of the spool and %d of the queue", r.boots, len(r.spool.faults),
		len(r.queue.faults))
}
