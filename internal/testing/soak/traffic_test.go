// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// pieceTime is the duration of a piece of the datagrams; a loss of the machine itself spoils only its piece.
const pieceTime = 500 * time.Millisecond

// traffic is what a gateway forwards during a test: numbered datagrams, and echo requests in both directions.
type traffic struct {
	t                testing.TB
	lab              *lab.Lab
	rate             float64
	sent, lost       int
	spoilt           int // datagrams of pieces in which the machine lost some
	pings, lostPings int
	why              string
}

// while sends until f has returned and at least count datagrams were sent.
func (x *traffic) while(count int, f func()) {
	x.t.Helper()
	ping := x.startPing()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for over := false; !over || x.sent < count; {
		x.piece()
		select {
		case <-done:
			over = true
		default:
		}
		if x.lost > 0 || x.spoilt > max(datagrams, 100_000) || x.t.Failed() {
			break
		}
	}
	<-done
	x.endPing(ping)
}

// piece sends a piece. If the kernel reports a full queue of a CPU, which weir does not touch, the piece does not
// count, and the test repeats it.
func (x *traffic) piece() {
	before := backlogDrops()
	d, err := lab.Datagrams{Count: int(x.rate * pieceTime.Seconds()), Rate: x.rate,
		Linger: 100 * time.Millisecond}.Send(context.Background(), x.lab.Clients[0], x.lab.Servers[0])
	if err != nil {
		x.t.Error(err)
		return
	}
	lost := d.LostCount() + d.Duplicated
	if dropped := d.ReceiverDropped + backlogDrops() - before; lost > 0 && lost <= dropped {
		x.spoilt += d.Sent
		x.t.Logf("the machine itself dropped %d packets: %v", dropped, d)
		return
	}
	x.sent += d.Sent
	x.lost += lost
	if lost > 0 {
		x.why = d.String()
	}
}

// backlogDrops counts packets that CPUs had no room for (net.core.netdev_max_backlog), in all network namespaces.
func backlogDrops() (n int) {
	text, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			some, _ := strconv.ParseUint(fields[1], 16, 32)
			n += int(some)
		}
	}
	return n
}

// pinging is a ping from the client to the server, and one the other way to the gateway.
type pinging struct {
	processes []*lab.Process
	out       []*program.Text
	before    int
}

func (x *traffic) startPing() (p pinging) {
	x.t.Helper()
	p.before = backlogDrops()
	for from, to := range map[*lab.Host]string{x.lab.Clients[0]: x.lab.Servers[0].Addr4.String(),
		x.lab.Servers[0]: "198.51.100.1"} {
		out := &program.Text{}
		cmd := exec.Command("ping", "-q", "-n", "-i", "0.01", to)
		cmd.Stdout, cmd.Stderr = out, out
		process, err := from.Start(cmd)
		if err != nil {
			x.t.Fatal(err)
		}
		p.processes, p.out = append(p.processes, process), append(p.out, out)
	}
	return p
}

var pingSummary = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`)

func (x *traffic) endPing(p pinging) {
	x.t.Helper()
	for i, process := range p.processes {
		_ = process.Process.Signal(unix.SIGINT)
		wait.Next(process.Done(), wait.Limit)
		m := pingSummary.FindStringSubmatch(p.out[i].String())
		if m == nil {
			x.t.Fatalf("ping said %q", p.out[i])
		}
		sent, _ := strconv.Atoi(m[1])
		received, _ := strconv.Atoi(m[2])
		x.pings += sent
		// The last one may be in flight when ping stops.
		if lost := sent - received; lost > 1 && lost > backlogDrops()-p.before {
			x.lostPings += lost
		}
	}
}

func (x *traffic) String() string {
	s := fmt.Sprintf("%d datagrams, %d lost; %d pings, %d lost", x.sent, x.lost, x.pings, x.lostPings)
	if x.spoilt > 0 {
		s += fmt.Sprintf(" (%d more in pieces of which the machine's own queues dropped some)", x.spoilt)
	}
	return s
}

// verdict fails the test if anything was lost.
func (x *traffic) verdict() {
	x.t.Helper()
	if x.lost > 0 || x.lostPings > 0 {
		x.t.Errorf("%v: %s", x, x.why)
	}
	if x.sent == 0 || x.pings == 0 {
		x.t.Errorf("%v: there was no traffic", x)
	}
}
