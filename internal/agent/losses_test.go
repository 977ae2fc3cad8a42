// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestCheckReportsLosses: weir check reports the kernel's drops on an interface, and the losses of a running weir, each
// with a remedy; and whether a weir is running.
func TestCheckReportsLosses(t *testing.T) {
	h := quietHost(t, 1)
	socket := t.TempDir() + "/weir.sock"
	check := weir(t) + " check -i in0 --socket " + socket
	if said := sh(t, h, check+" -v"); !strings.Contains(said, "no weir is running") ||
		!strings.Contains(said, "nothing") {
		t.Errorf("before it runs:\n%s", said)
	}
	r := watch(t, h, "-i", "in0", "--mode", "ebpf", "--socket", socket, "--workers", "1", "--max-flows", "64")
	unknown := make([]byte, 60) // for a protocol without a receiver (IEEE 802, local experimental EtherType 1)
	copy(unknown, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
	const dropped = 7
	for range dropped {
		_, err := h.SendFrames(context.Background(), "out0", [][]byte{unknown}, lab.Sending{Rate: 1000})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.SendFrames(context.Background(), "out0", datagrams(500), lab.Sending{Rate: 5000}); err != nil {
		t.Fatal(err)
	}
	type loss struct {
		Where, What, Do string
		Count           uint64
	}
	var report struct {
		Losses struct {
			Found   []loss
			Running string
		}
	}
	find := func(where, words string) (found loss) {
		for _, l := range report.Losses.Found {
			if l.Where == where && strings.Contains(l.What, words) {
				found = l
			}
		}
		return found
	}
	wait.Until(t, "weir check reports the interface and the full table", func() bool {
		if err := json.Unmarshal([]byte(sh(t, h, check+" --json")), &report); err != nil {
			t.Fatal(err)
		}
		return find("in0", "dropped by the kernel").Count >= dropped && find("weir", "flows ended early").Count > 0
	})
	if !strings.Contains(report.Losses.Running, "in mode ebpf") {
		t.Errorf("weir check queried: %s", report.Losses.Running)
	}
	said := sh(t, h, check)
	for _, l := range report.Losses.Found {
		isSaid := false
		for line := range strings.Lines(said) {
			isSaid = isSaid || strings.HasPrefix(line, l.Where) && strings.Contains(line, l.What) && l.Do != "" &&
				strings.Contains(line, l.Do)
		}
		if !isSaid {
			t.Errorf("no line says %+v:\n%s", l, said)
		}
	}
	r.stop()
}
