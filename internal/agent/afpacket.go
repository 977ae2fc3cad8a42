// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/topology"
)

// afpacketBackend is the privileged half of mode afpacket. Where eBPF is to be had, a socket filter counts flows in the
// kernel, and lets only the packets through that are to be seen; where it is not, the workers count.
type afpacketBackend struct {
	workers  int
	geometry afpacket.Geometry
	shunt    *kernel.Loader // nil where the workers count
	once     *afpacket.Once // nil with shunt, and where eBPF is not to be had
}

func openAFPacket(o *Options) (backend, error) {
	if err := mayCapture(); err != nil {
		return nil, err
	}
	watched, err := matching(o)
	if err != nil {
		return nil, err
	}
	b := &afpacketBackend{
		workers: o.Workers, geometry: afpacket.GeometryFor(afpacket.DefaultRingBytes, len(watched)),
	}
	if o.Hook != HookPlain {
		if b.shunt, err = loadKernel(o, ""); err == nil {
			return b, nil
		}
	}
	if b.once, err = afpacket.NewOnce(afpacket.DefaultSnapLength); err != nil {
		b.once = nil // a classic filter does less: see the package's comment
	}
	return b, nil
}

// mayCapture says whether packet sockets can be opened.
func mayCapture() error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("no right to open packet sockets: run as root, or give weir CAP_NET_RAW (%w)", err)
	}
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	return unix.Close(fd)
}

// matching are the interfaces that are to be watched now.
func matching(o *Options) ([]topology.Link, error) {
	selection, err := topology.NewSelection(o.Interfaces...)
	if err != nil {
		return nil, err
	}
	links, err := topology.List()
	if err != nil {
		return nil, err
	}
	var chosen []topology.Link
	for _, l := range links.Sorted() {
		if matches, _ := selection.Matches(l, links); matches {
			chosen = append(chosen, l)
		}
	}
	return chosen, nil
}

func (*afpacketBackend) mode() string { return ModeAFPacket }

func (b *afpacketBackend) describe(s *setup) []int {
	s.Ring = b.geometry
	if b.shunt == nil {
		return nil
	}
	s.Geometry = b.shunt.Geometry()
	return b.shunt.Descriptors()
}

// Watch opens an interface's sockets and gives them away; the filters stay here.
func (b *afpacketBackend) Watch(l helper.Link) ([]int, []byte, error) {
	if err := b.Unwatch(l.Index); err != nil {
		return nil, nil, err
	}
	if l.Carried {
		return nil, nil, b.note(l.Index)
	}
	c := afpacket.Config{Interface: l.Index, Workers: b.workers, Geometry: b.geometry, Promiscuous: l.Promiscuous}
	how, err := b.filter(l, &c)
	if err != nil {
		return nil, nil, err
	}
	port, err := afpacket.Open(c)
	if err != nil {
		return nil, nil, err
	}
	if err := b.note(l.Index); err != nil {
		return nil, nil, errors.Join(err, port.Close())
	}
	payload, err := json.Marshal(watched{How: how})
	return port.Sockets, payload, err // closed by the helper when it has sent them
}

// filter chooses what the sockets let through, and says how the interface is watched.
func (b *afpacketBackend) filter(l helper.Link, c *afpacket.Config) (how string, err error) {
	switch {
	case b.shunt != nil:
		raw, err := isRaw(l.Name)
		c.Program, c.Fanout = b.shunt.Shunt(raw), b.shunt.Fanout()
		return "counted in the kernel", err
	case b.once != nil:
		c.Program = b.once.FD()
		return "every packet", nil
	}
	c.Filter, err = ownFilter()
	return "every packet, classic filter", err
}

// note says that what the interface receives is captured there.
func (b *afpacketBackend) note(index uint32) error {
	switch {
	case b.shunt != nil:
		return b.shunt.NoteIngress(index)
	case b.once != nil:
		return b.once.Watch(index)
	}
	return nil
}

// ownFilter tells forwarded packets from the machine's own by its addresses.
func ownFilter() ([]bpf.RawInstruction, error) {
	addresses, err := localAddresses()
	if err != nil {
		return nil, err
	}
	return afpacket.OwnAddressFilter(addresses, afpacket.DefaultSnapLength)
}

// localAddresses are those of all interfaces.
func localAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the machine's addresses: %w", err)
	}
	var addresses []netip.Addr
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addresses = append(addresses, prefix.Addr().Unmap())
		}
	}
	return addresses, nil
}

func (b *afpacketBackend) Unwatch(index uint32) error {
	switch {
	case b.shunt != nil:
		return b.shunt.ForgetIngress(index)
	case b.once != nil:
		return b.once.Unwatch(index)
	}
	return nil
}

var errNoSlots = errors.New("the workers count: there are no slots")

// Retire is the shunt's.
func (b *afpacketBackend) Retire(slots []uint32) error {
	if b.shunt == nil {
		return errNoSlots
	}
	return b.shunt.Retire(slots)
}

// Release is the shunt's.
func (b *afpacketBackend) Release(slots []uint32) error {
	if b.shunt == nil {
		return errNoSlots
	}
	return b.shunt.Release(slots)
}

func (b *afpacketBackend) Close() error {
	switch {
	case b.shunt != nil:
		return b.shunt.Close()
	case b.once != nil:
		return b.once.Close()
	}
	return nil
}

// packets is the agent's half of mode afpacket.
type packets struct {
	*workers
	geometry afpacket.Geometry
	view     *kernel.View // of the shunt's counters, nil where the workers count
}

func newPackets(a *agent, config engine.Config, s *setup, descriptors []int) (capturer, error) {
	p := &packets{workers: newWorkers(a, config), geometry: s.Ring}
	if s.Geometry.Workers > 0 {
		var err error
		if p.view, err = kernel.NewView(s.Geometry, descriptors); err != nil {
			return nil, err
		}
	}
	for i := range a.options.Workers {
		source, err := afpacket.NewSource(p.view != nil)
		if err != nil {
			return nil, err
		}
		p.sources = append(p.sources, source)
		if p.view != nil {
			p.counters = append(p.counters, p.view.Counter(i, a.client))
		}
	}
	return p, nil
}

// watching gives each worker its ring of the interface.
func (p *packets) watching(index uint32, _ *watched, descriptors []int) error {
	if len(descriptors) != len(p.sources) {
		return fmt.Errorf("%d sockets for %d workers", len(descriptors), len(p.sources))
	}
	for i, fd := range descriptors {
		r, err := afpacket.NewRing(fd, index, p.geometry)
		if err == nil {
			err = p.sources[i].(*afpacket.Source).Add(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// goneTime is how long a worker is waited for that gives an interface up, unless it waits itself for who reads the
// records.
const goneTime = time.Second

func (p *packets) gone(index uint32) {
	var all []<-chan struct{}
	for _, s := range p.sources {
		if done, err := s.(*afpacket.Source).Remove(index); err == nil { // one that is closed has no rings any more
			all = append(all, done)
		}
	}
	limit := time.NewTimer(goneTime)
	defer limit.Stop()
	for _, done := range all {
		select {
		case <-done:
		case <-limit.C:
			return
		}
	}
}

// stop lets the workers read what is in the rings; a block that isn't full is handed over a little later.
func (p *packets) stop() error {
	time.Sleep(2 * afpacket.DefaultRetire * time.Millisecond) // the kernel's own timer does that, and says nothing
	var errs error
	for _, s := range p.sources {
		errs = errors.Join(errs, s.(*afpacket.Source).Drain())
	}
	p.running.Wait()
	return errors.Join(errs, p.workers.stop())
}

func (p *packets) status(s *Status) {
	s.Totals = p.live.Totals()
	s.Sampled = s.Totals.Frames
	for _, source := range p.sources {
		source.Losses(&s.Losses)
	}
	if p.view != nil {
		s.KernelCounts = true
		p.view.Losses(&s.Losses)
		s.Losses.MapFull = 0                            // those were not handed over: they are among the uncounted
		s.Sampled -= min(s.Sampled, s.Losses.Uncounted) // which were looked into, and are not among the packets seen
	}
}
