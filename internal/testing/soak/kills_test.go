// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// victims are the processes to kill, in turn.
const (
	killParent = iota
	killConfined
	crashConfined // like a panic: Go's runtime prints all stacks and exits with status 2
	killAll       // the whole process group at once, as the kernel's OOM killer does to a control group
	victims
)

// TestKills repeatedly kills weir, at any moment of its start and its work, while the gateway forwards datagrams.
func TestKills(t *testing.T) {
	eachWay(t, func(t *testing.T, way string, flags []string) {
		if way == "afpacket plain" && kills < 100 {
			return // only in the full form: the attached programs resemble mode afpacket's
		}
		t.Parallel()
		var found string
		report(t, "C1", "kills, "+way, &found)
		l := lab.New(t, lab.Options{})
		if way == "ebpf clsact" {
			// While a clsact qdisc is added or deleted, Linux drops what the link sends: here weir finds one, and
			// leaves it in place.
			sh(t, l.Gateway, "tc qdisc add dev lan0 clsact", "tc qdisc add dev wan0 clsact")
		}
		x := &traffic{t: t, lab: l, rate: 10_000}
		k := killer{t: t, gateway: l.Gateway, flags: flags}
		x.while(datagrams, func() {
			for k.kills < kills && !t.Failed() {
				k.round()
			}
		})
		found = fmt.Sprintf("%d kills, %d of them while it watched; %v", k.kills, k.watching, x)
		x.verdict()
		if k.watching < k.kills/4 {
			t.Errorf("of %d kills only %d came while weir watched", k.kills, k.watching)
		}
		a := watch(t, l.Gateway, nil, flags...) // it still works
		a.stop()
	})
}

// killer starts and kills weir.
type killer struct {
	t               testing.TB
	gateway         *lab.Host
	flags           []string
	kills, watching int
}

func (k *killer) round() {
	a := start(k.t, k.gateway, nil, append([]string{weir(k.t), "run", "-i", "lan0", "-i", "wan0", "--output", "ndjson"},
		k.flags...)...)
	if k.kills%2 == 0 {
		a.Await("watching")
	}
	time.Sleep(time.Duration(rand.Int64N(int64(300 * time.Millisecond)))) // a kill may come at any moment
	select {
	case <-a.Done():
		k.t.Errorf("weir ended by itself: %v; it said\n%s", a.Wait(), a.Said)
		return
	default:
	}
	if len(a.Said.String()) > 0 {
		k.watching++
	}
	pid, sent := a.Process.Process.Pid, error(nil)
	confined := a.confined()
	switch turn := k.kills / 2 % victims; {
	case turn == killConfined && confined > 0:
		sent = unix.Kill(confined, unix.SIGKILL)
	case turn == crashConfined && confined > 0:
		sent = unix.Kill(confined, unix.SIGQUIT)
	case turn == killAll:
		sent = unix.Kill(-pid, unix.SIGKILL)
	default:
		sent = unix.Kill(pid, unix.SIGKILL)
	}
	if sent != nil && !errors.Is(sent, unix.ESRCH) {
		k.t.Error(sent)
	}
	k.kills++
	if _, ended := wait.Next(a.Done(), wait.Limit); !ended {
		k.t.Errorf("weir runs on after a kill; it said\n%s", program.Tail(a.Said.String()))
		_ = unix.Kill(-pid, unix.SIGKILL)
		<-a.Done()
	}
	if confined > 0 && !gone(confined) {
		k.t.Errorf("process %d runs on after the kill", confined)
	}
}

// gone waits until a process no longer exists.
func gone(pid int) bool {
	return wait.Reached(func() bool { return errors.Is(unix.Kill(pid, 0), unix.ESRCH) })
}

// TestRig proves that the test sees losses: in weir's place a program drops everything for a while.
func TestRig(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	var found string
	report(t, "C1", "rig: a program that drops", &found)
	l := lab.New(t, lab.Options{})
	drop, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "Apache-2.0",
		Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R0, 2 /* TCX_DROP */), asm.Return(),
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer drop.Close()
	lan, err := l.Gateway.Link("lan0")
	if err != nil {
		t.Fatal(err)
	}
	// pass waits until more packets have reached the gateway, which counts them before the program sees them.
	pass := func(packets uint64) {
		received := func() uint64 {
			c, err := l.Gateway.Counters("lan0")
			if err != nil {
				t.Error(err)
			}
			return c.RxPackets
		}
		before := received()
		if !wait.Reached(func() bool { return received() >= before+packets }) {
			t.Error("no traffic passes")
		}
	}
	attached := make(chan error, 1)
	go func() {
		pass(2000)
		attached <- l.Gateway.Do(func() error {
			k, err := link.AttachTCX(link.TCXOptions{Interface: lan.Index, Program: drop,
				Attach: ebpf.AttachTCXIngress})
			if err != nil {
				return err
			}
			pass(200)
			return k.Close()
		})
	}()
	d, err := lab.Datagrams{Count: 10_000, Rate: 10_000}.Send(context.Background(), l.Clients[0], l.Servers[0])
	if err := errors.Join(err, <-attached); err != nil {
		t.Fatal(err)
	}
	found = d.String()
	if lost := d.LostCount(); lost < 50 || lost > 5000 {
		t.Errorf("a program dropped some 200 packets, and %d were missed", lost)
	}
}
