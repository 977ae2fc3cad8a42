// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func TestUsage(t *testing.T) {
	fd, err := unix.Open("/proc/self/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	u := newUsage(map[string]int{agent.DescriptorStat(agent.ProcessAgent): fd})
	var now []Process
	wait.Until(t, "the process has used time", func() bool {
		now = u.read()
		return len(now) == 1 && now[0].UserTime+now[0].SystemTime > 0
	})
	if p := now[0]; p.Name != "agent" || p.Resident == 0 || p.PeakResident < p.Resident/2 {
		t.Errorf("%+v", p)
	}
	if all := newUsage(nil).read(); len(all) != 1 || all[0].Resident != 0 || all[0].PeakResident == 0 {
		t.Errorf("without files: %+v", all)
	}
	if monotonic() <= 0 {
		t.Error("no time")
	}
}

func TestParseStat(t *testing.T) {
	const before = "42 (a) b (c)) S 1 42 42 0 -1 4194560 5 0 0 0 700 30 0 0 20 0 9 0 100 1000000 "
	const text = before + "250 18446744073709551615 1\n"
	p, ok := parseStat([]byte(text))
	want := Process{UserTime: 7 * time.Second, SystemTime: 300 * time.Millisecond,
		Resident: 250 * uint64(os.Getpagesize())}
	if !ok || p != want {
		t.Errorf("%+v, %v; want %+v", p, ok, want)
	}
	for n := range len(before) {
		if p, ok := parseStat([]byte(text[:n])); ok {
			t.Errorf("the first %d bytes are %+v", n, p)
		}
	}
}
