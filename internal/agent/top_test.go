// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestTopJoins: weir top shows what the running weir sees: the flows that ended before it came, those that come, and
// the devices' names; and it goes on when that weir starts again.
func TestTopJoins(t *testing.T) {
	h := quietHost(t, 1)
	socket := t.TempDir() + "/weir.sock"
	flags := []string{"-i", "in0", "--mode", "afpacket", "--socket", socket, "--lan-network", someNetwork,
		"--idle", "1s", "--tcp-idle", "1s"}
	r := watch(t, h, flags...)
	replay := func(name string) {
		t.Helper()
		if _, err := h.ReplayCapture(t.Context(), "out0", "../../testdata/"+name+".pcap",
			lab.Sending{Rate: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	replay("http1-nginx")
	wait.Until(t, "an HTTP flow has ended", func() bool {
		return strings.Contains(sh(t, h, weir(t)+" flows --output fields --fields state,protocol --last 100 --socket "+
			socket), "end\thttp")
	})
	top := launch(t, h, weir(t), "top", "--socket", socket)
	row := func(name string) func() bool {
		is := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(name) + ` .*B  \d+ flows$`)
		return func() bool { return is.MatchString(top.Stdout.String()) }
	}
	if !top.Within(time.Minute, row("[http]")) {
		t.Fatalf("no flow of the last hour: %s", top.Stdout.String())
	}
	replay("dns-dnsmasq-dig")
	if !top.Within(time.Minute, row("[dns]")) {
		t.Fatalf("no flow that came: %s", top.Stdout.String())
	}
	if said := top.Stdout.String(); !strings.Contains(said, "joined the running weir") ||
		!strings.Contains(said, "afpacket on in0") {
		t.Errorf("it did not say that it joined: %s", said)
	}
	r.end()
	again := watch(t, h, flags...)
	replay("ssh-openssh")
	if !top.Within(time.Minute, row("[ssh]")) {
		t.Errorf("it does not go on with another weir: %s", top.Stdout.String())
	}
	top.end()
	again.end()
}
