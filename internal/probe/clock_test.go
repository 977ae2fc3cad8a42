// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestJudgeClock(t *testing.T) {
	now := time.Date(2026, 11, 26, 16, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		now          time.Time
		step         int64
		err          error
		synchronised bool
		ok           bool
		why          string
	}{
		{now, 100, nil, true, true, ""},
		{now, 0, nil, true, true, ""}, // a coarse clock may not move between two readings
		{now, 100, nil, false, true, "not synchronised"},
		{time.Unix(3600, 0), 100, nil, false, false, "never set"},
		{now, -1, nil, true, false, "jumps"},
		{now, 2e9, nil, true, false, "jumps"},
		{now, 100, unix.EINVAL, true, false, "cannot read"},
	} {
		got := judgeClock(c.now, c.step, c.err, c.synchronised)
		if got.OK != c.ok || !strings.Contains(got.Why, c.why) || (got.Why == "") != (got.Fix == "") || c.why == "" &&
			got.Why != "" {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if c := readClock(); time.Since(c.Now).Abs() > time.Minute {
		t.Errorf("%+v", c)
	}
}
