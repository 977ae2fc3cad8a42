// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/handover"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/logging"
)

// ebpfBackend is the privileged half of mode ebpf.
type ebpfBackend struct {
	log    *logging.Logger
	mu     sync.Mutex // guards the loader, which the helper's goroutine and the timer's share
	loader *kernel.Loader
	sweep  *time.Timer // nil before the first Watch
}

// sweepAfter is the delay, after the first Watch, of removing what a killed weir left on interfaces: by then weir has
// attached to its own interfaces, which keep their qdisc. Where a qdisc comes or goes, the kernel drops the packets
// being sent.
const sweepAfter = 2 * time.Second

func openEBPF(o *agent.Options) (backend, error) {
	l, err := loadKernel(o, o.Hook, inherited(o))
	if err != nil {
		return nil, err
	}
	if _, why := l.HasTakenOver(); why != nil {
		o.Log.Warnf("what passes during this restart is not counted: %v", why)
	}
	b := &ebpfBackend{loader: l, log: o.Log}
	if o.Mode == agent.ModeAuto || o.Hook != "" {
		if err := b.try(o); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// try attaches to the matching interfaces, so that weir can take another mode if one refuses. That happens with clsact:
// without CAP_NET_ADMIN, or where another qdisc holds its place. tcx on one interface means tcx on all. A hook that the
// user names has to work on at least one: some links have no Ethernet, which XDP needs.
func (b *ebpfBackend) try(o *agent.Options) error {
	links, err := matching(o)
	if err != nil {
		return err
	}
	var refused error
	for _, l := range links {
		raw, err := isRaw(l.Name)
		if err != nil {
			continue // gone, or unreadable in any mode
		}
		method, err := b.loader.Attach(l.Index, raw)
		switch {
		case err == nil && (method == "tcx" || o.Hook != ""):
			return nil
		case err != nil && !agent.IsGone(err):
			refused = errors.Join(refused, fmt.Errorf("watch %s: %w", l.Name, err))
			if o.Hook == "" {
				return refused
			}
		}
	}
	return refused
}

// inherited takes the kernel's objects out of what this start has inherited.
func inherited(o *agent.Options) (objects []kernel.Object) {
	if o.Inherited == nil {
		return nil
	}
	for i, name := range o.Inherited.Names {
		objects = append(objects, kernel.Object{Name: name, FD: o.Inherited.FDs[i]})
	}
	o.Inherited.Names, o.Inherited.FDs = nil, nil
	return objects
}

// handOver adds what the next weir needs to go on with the capture.
func (b *ebpfBackend) handOver(s *handover.Set) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.loader.Objects() {
		if err := s.Add(o.Name, o.FD); err != nil {
			return err
		}
	}
	return nil
}

func loadKernel(o *agent.Options, hook string, kept []kernel.Object) (*kernel.Loader, error) {
	return kernel.Load(kernel.Config{
		Geometry:   kernel.Geometry{Workers: o.Workers, SlotsPerWorker: o.MaxFlows / o.Workers},
		PacketsTCP: o.MaxPacketsTCP, PacketsOther: o.MaxPacketsOther, KeepTunnels: o.KeepTunnels,
		IgnoreVLAN: o.IgnoreVLAN, TCPHealth: o.TCPHealth, Hook: hook, Kept: kept,
	})
}

func (*ebpfBackend) mode() string { return agent.ModeEBPF }

func (b *ebpfBackend) describe(s *agent.Setup) []int {
	s.Geometry = b.loader.Geometry()
	return b.loader.Descriptors()
}

// Watch attaches the programs to an interface.
func (b *ebpfBackend) Watch(l helper.Link) ([]int, []byte, error) {
	if l.Upper {
		b.mu.Lock()
		defer b.mu.Unlock()
		return nil, nil, b.loader.NoteIngress(l.Index)
	}
	raw, err := isRaw(l.Name)
	if err != nil {
		return nil, nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	method, err := b.loader.Attach(l.Index, raw)
	if err != nil {
		return nil, nil, err
	}
	if b.sweep == nil {
		b.sweep = time.AfterFunc(sweepAfter, b.removeLeftovers)
	}
	payload, err := json.Marshal(agent.Watched{Method: method, Row: b.loader.Row(l.Index)})
	return nil, payload, err
}

func (b *ebpfBackend) removeLeftovers() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loader == nil {
		return
	}
	if err := b.loader.DropUnused(); err != nil {
		b.log.Warnf("%v", err)
	}
	n, err := b.loader.RemoveLeftovers()
	if n > 0 || err != nil {
		b.log.Infof("removed %d filters that a killed weir had left%s", n, errorSuffix(err))
	}
}

func errorSuffix(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// Unwatch detaches the programs from an interface.
func (b *ebpfBackend) Unwatch(index uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loader.Detach(index)
}

// Retire calls the loader's.
func (b *ebpfBackend) Retire(slots []uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loader.Retire(slots)
}

// Release calls the loader's.
func (b *ebpfBackend) Release(slots []uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loader.Release(slots)
}

// Close detaches and unloads everything.
func (b *ebpfBackend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.loader
	b.loader = nil
	return l.Close()
}

// isRaw reports whether an interface's frames have no link layer.
func isRaw(name string) (bool, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("get the type of %s: %w", name, err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return false, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, request); err != nil {
		return false, fmt.Errorf("get the type of %s: %w", name, err)
	}
	switch family := request.Uint16(); family {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return false, nil
	case unix.ARPHRD_NONE, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6, unix.ARPHRD_SIT, unix.ARPHRD_IPGRE,
		unix.ARPHRD_IP6GRE, unix.ARPHRD_RAWIP:
		return true, nil
	default:
		return false, fmt.Errorf("%s has frames of a type that weir cannot read (ARPHRD %d)", name, family)
	}
}
