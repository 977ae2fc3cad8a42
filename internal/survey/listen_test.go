// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func TestMain(m *testing.M) {
	status := m.Run()
	program.Remove()
	os.Exit(status)
}

// awaitFrames waits until that many frames have arrived on a host's eth0.
func awaitFrames(t *testing.T, h *lab.Host, n uint64) {
	t.Helper()
	received := func() uint64 {
		c, err := h.Counters("eth0")
		if err != nil {
			t.Fatal(err)
		}
		return c.RxPackets
	}
	before := received()
	wait.Until(t, "frames come in", func() bool { return received() >= before+n })
}

// TestListen: at a mirror port of a machine whose default route leads elsewhere, the survey finds the traffic's
// networks and proposes those that would be on the wrong side. Once they are set, it proposes nothing more.
func TestListen(t *testing.T) {
	weir, _ := program.Weir(t)
	a, b := lab.NewPair(t)
	program.Sh(t, b, "ip link add m0 type veth peer name m1", "ip link set m1 up", "ip link set m0 up",
		"ip address add 198.51.100.9/24 dev m0", "ip route add default via 198.51.100.1")
	frames := [][]byte{
		ipv4Frame("192.168.7.1", "203.0.113.5"), ipv4Frame("203.0.113.5", "192.168.7.1"), arpFrame("", "192.168.7.1"),
		advertisementFrame("ff", 0xc0, "2001:db8:5::/64"),
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = a.SendFrames(ctx, "eth0", frames, lab.Sending{Rate: 50, Duration: time.Minute}) // until the test ends
	}()
	defer func() { cancel(); <-sent }()
	check := func(signal bool, args ...string) (networks map[string]string, proposed []string) {
		t.Helper()
		p := program.Start(t, b, nil, append([]string{weir, "check", "--json", "-i", "eth0"}, args...)...)
		p.Await("listening to eth0 for ")
		if signal {
			awaitFrames(t, b, 100)
			if err := p.Process.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
		if status := p.End(wait.Limit); status != 0 {
			t.Fatalf("status %d", status)
		}
		var found struct {
			Traffic struct {
				Packets  int
				Networks []struct{ Prefix, Side, Why string }
				Proposed []string
			}
		}
		if err := json.Unmarshal([]byte(p.Stdout.String()), &found); err != nil {
			t.Fatalf("%v in %s", err, p.Stdout)
		}
		if found.Traffic.Packets == 0 {
			t.Error("no packets")
		}
		networks = map[string]string{}
		for _, n := range found.Traffic.Networks {
			networks[n.Prefix] = n.Side
		}
		return networks, found.Traffic.Proposed
	}
	networks, proposed := check(false, "--listen", "1s")
	if networks["192.168.7.0/24"] != "wan" || networks["2001:db8:5::/64"] != "wan" ||
		!slices.Equal(proposed, []string{"192.168.7.0/24", "2001:db8:5::/64"}) {
		t.Errorf("found %v, proposed %q", networks, proposed)
	}
	networks, proposed = check(true, "--listen", "1h", "--lan-network", "192.168.7.0/24", "--lan-network",
		"2001:db8:5::/64")
	if networks["192.168.7.0/24"] != "lan" || networks["2001:db8:5::/64"] != "lan" || len(proposed) > 0 {
		t.Errorf("set: found %v, proposed %q", networks, proposed)
	}
}
