// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestClockIsSet: setting the wall clock while weir runs changes no duration, and a record has the times of the clock
// when it is written.
func TestClockIsSet(t *testing.T) {
	inGuest(t)
	if os.Getenv("WEIR_GUEST") == "host" {
		t.Skip("it sets the clock")
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			unlessShort(t, mode == "ebpf")
			from, to := quietPair(t)
			w := watch(t, to, "", "-i", "eth0", "--mode", mode)
			var want []flow
			for i, set := range []time.Duration{0, 24 * time.Hour, -48 * time.Hour, 24 * time.Hour} {
				setClock(t, time.Now().Add(set))
				replay(t, from, "eth0", captures[i])
				want = append(want, replayed(t, capturePath(captures[i]))...)
				awaitStragglers()
			}
			flows := w.flows()
			same(t, flows, want, true)
			for _, f := range flows {
				if took := f.LastSeen.Sub(f.FirstSeen); took < 0 || took > time.Minute {
					t.Errorf("%s took %v: from %v to %v", f.Protocol, took, f.FirstSeen, f.LastSeen)
				}
				if f.Protocol == "tls" && time.Since(f.LastSeen).Abs() > time.Minute {
					t.Errorf("%s ended at %v, and now is %v", f.Protocol, f.LastSeen, time.Now())
				}
			}
		})
	}
}

func setClock(t *testing.T, to time.Time) {
	t.Helper()
	spec := unix.NsecToTimespec(to.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &spec); err != nil {
		t.Fatal("set the clock: ", err)
	}
}
