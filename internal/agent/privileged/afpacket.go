// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/topology"
)

// afpacketBackend is the privileged half of mode afpacket. With eBPF, a socket filter counts flows in the kernel and
// passes only the packets that need inspection; without, the workers count.
type afpacketBackend struct {
	workers  int
	geometry afpacket.Geometry
	filtered *kernel.Loader // its socket filter counts; nil where the workers count
	once     *afpacket.Once // nil with filtered, and without eBPF
}

func openAFPacket(o *agent.Options) (backend, error) {
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
	if o.Hook != agent.HookPlain {
		if b.filtered, err = loadKernel(o, "", nil); err == nil {
			return b, nil
		}
	}
	if b.once, err = afpacket.NewOnce(afpacket.DefaultSnapLength); err != nil {
		b.once = nil // a classic filter is second best: see the package's comment
	}
	return b, nil
}

// mayCapture checks that the process can open packet sockets.
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

// matching returns the interfaces that match the options now.
func matching(o *agent.Options) ([]topology.Link, error) {
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

func (*afpacketBackend) mode() string { return agent.ModeAFPacket }

func (b *afpacketBackend) describe(s *agent.Setup) []int {
	s.Ring = b.geometry
	if b.filtered == nil {
		return nil
	}
	s.Geometry = b.filtered.Geometry()
	return b.filtered.Descriptors()
}

// Watch opens an interface's sockets for the confined process; the filters stay here.
func (b *afpacketBackend) Watch(l helper.Link) ([]int, []byte, error) {
	if err := b.Unwatch(l.Index); err != nil {
		return nil, nil, err
	}
	if l.Upper {
		return nil, nil, b.noteUpper(l.Index)
	}
	c := afpacket.Config{Interface: l.Index, Workers: b.workers, Geometry: b.geometry, Promiscuous: l.Promiscuous}
	method, err := b.filter(l, &c)
	if err != nil {
		return nil, nil, err
	}
	port, err := afpacket.Open(c)
	if err != nil {
		return nil, nil, err
	}
	row, err := b.note(l.Index)
	if err != nil {
		return nil, nil, errors.Join(err, port.Close())
	}
	payload, err := json.Marshal(agent.Watched{Method: method, Row: row})
	return port.Sockets, payload, err // the helper sends and closes them
}

// filter sets what the sockets pass, and describes it for people.
func (b *afpacketBackend) filter(l helper.Link, c *afpacket.Config) (method string, err error) {
	switch {
	case b.filtered != nil:
		raw, err := isRaw(l.Name)
		c.Program, c.Fanout = b.filtered.SocketFilter(raw), b.filtered.Fanout()
		return "counted in the kernel", err
	case b.once != nil:
		c.Program = b.once.FD()
		return "every packet", nil
	}
	c.Filter, err = ownFilter()
	return "every packet, classic filter", err
}

// note marks the interface's received packets as captured there. It returns the row of its traffic.
func (b *afpacketBackend) note(index uint32) (row uint32, err error) {
	if b.filtered != nil {
		return b.filtered.Count(index)
	}
	return 0, b.noteUpper(index)
}

// noteUpper is note for a device whose packets are captured on its lower device.
func (b *afpacketBackend) noteUpper(index uint32) error {
	switch {
	case b.filtered != nil:
		return b.filtered.NoteIngress(index)
	case b.once != nil:
		return b.once.Watch(index)
	}
	return nil
}

// ownFilter builds a filter that tells forwarded packets from the machine's own by its addresses.
func ownFilter() ([]bpf.RawInstruction, error) {
	addresses, err := localAddresses()
	if err != nil {
		return nil, err
	}
	return afpacket.OwnAddressFilter(addresses, afpacket.DefaultSnapLength)
}

// localAddresses returns the addresses of all interfaces.
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
	case b.filtered != nil:
		return b.filtered.ForgetIngress(index)
	case b.once != nil:
		return b.once.Unwatch(index)
	}
	return nil
}

var errNoSlots = errors.New("the workers count: the kernel has no slots")

// Retire calls the loader's.
func (b *afpacketBackend) Retire(slots []uint32) error {
	if b.filtered == nil {
		return errNoSlots
	}
	return b.filtered.Retire(slots)
}

// Release calls the loader's.
func (b *afpacketBackend) Release(slots []uint32) error {
	if b.filtered == nil {
		return errNoSlots
	}
	return b.filtered.Release(slots)
}

func (b *afpacketBackend) Close() error {
	switch {
	case b.filtered != nil:
		return b.filtered.Close()
	case b.once != nil:
		return b.once.Close()
	}
	return nil
}
