// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab"
)

// reporting is a weir that sends a report a second.
type reporting struct {
	*run
	socket string
	before lab.Counters // of in0, when weir watched it
}

// shipping starts a weir that watches in0, with that output beside the reports to the sink. by is a command that
// starts it, none for none.
func shipping(t *testing.T, h *lab.Host, folder, output string, by ...string) *reporting {
	t.Helper()
	socket := filepath.Join(folder, "socket")
	r := &reporting{socket: socket, run: launch(t, h, append(by, weir(t), "run", "--output", output,
		"--report-every", "1s", "--interface", "in0", "--state-dir", folder, "--socket", socket)...)}
	r.Await("reports of gateway go to https://")
	r.Await("watching")
	r.Await("WAN: ")
	r.before = r.counters()
	return r
}

func (r *reporting) counters() lab.Counters {
	r.T.Helper()
	c, err := r.host.Counters("in0")
	if err != nil {
		r.T.Fatal(err)
	}
	return c
}

// traffic sends packets of 100 flows to in0.
func (r *reporting) traffic() {
	r.T.Helper()
	if _, err := r.host.SendFrames(context.Background(), "out0", datagrams(100),
		lab.Sending{Rate: 20000, Loops: 2}); err != nil {
		r.T.Fatal(err)
	}
}

// arrived returns how many packets have come in since weir watches.
func (r *reporting) arrived() uint64 {
	r.T.Helper()
	lab.Landed(r.T)
	return r.counters().RxPackets - r.before.RxPackets
}
