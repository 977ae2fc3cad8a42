// SPDX-License-Identifier: Apache-2.0

// Package sockets finds the local process of a flow: from what the package watch tells of sockets, it keeps which
// process each is of.
package sockets

import (
	"net/netip"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Socket is what a process did with a socket.
type Socket struct {
	Since   int64 // by the wall clock, nanoseconds since the Unix epoch; 0: before weir
	Proto   uint8
	IsOwn   bool           // in weir's network namespace
	Local   netip.AddrPort // the address may be unspecified: any
	Remote  netip.AddrPort // invalid: it listens, or is bound
	Process record.Process
}

// Bounds. A generation holds so many sockets, and two are kept, so that the ones in use last.
const (
	generation = 32768
	maxShared  = 4096
)

// key is a socket's name. A socket that is bound to any address has none, and Remote is the zero value without a peer.
type key struct {
	proto         uint8
	local, remote netip.AddrPort
}

// owner is a process of a socket, and the one before it of the same name.
type owner struct {
	process *record.Process
	since   int64
	before  *owner
}

// Table has the processes of sockets. Any goroutine may call its methods. A nil Table knows nothing.
type Table struct {
	mu         sync.Mutex
	young, old map[key]*owner
	shared     map[record.Process]*record.Process
	lost       uint64
	forgotten  uint64
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{young: map[key]*owner{}, shared: map[record.Process]*record.Process{}}
}

// Collect adds the counts to a snapshot.
func (t *Table) Collect(s *metric.Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Add(metric.SocketsLost, t.lost)
	s.Add(metric.SocketsForgotten, t.forgotten)
}

// SetLost takes how many sockets the kernel had no room to tell of, since the start.
func (t *Table) SetLost(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lost = n
}

// Add learns of a socket. In a namespace that is not weir's own an address is only known with the socket's peer.
func (t *Table) Add(s *Socket) {
	k := key{s.Proto, plain(s.Local), plain(s.Remote)}
	if !s.Remote.IsValid() {
		k.remote = netip.AddrPort{}
		if !s.IsOwn {
			return
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.share(&s.Process)
	was := t.find(k)
	if was != nil && *was.process == *p {
		return
	}
	if was != nil {
		was.before = nil
	}
	t.put(k, &owner{p, s.Since, was})
}

// plain returns an address without its zone; an unspecified one is the zero address.
func plain(a netip.AddrPort) netip.AddrPort {
	address := a.Addr().Unmap().WithZone("")
	if !address.IsValid() || address.IsUnspecified() {
		return netip.AddrPortFrom(netip.Addr{}, a.Port())
	}
	return netip.AddrPortFrom(address, a.Port())
}

// share returns the one copy of a process.
func (t *Table) share(p *record.Process) *record.Process {
	if known := t.shared[*p]; known != nil {
		return known
	}
	if len(t.shared) >= maxShared {
		clear(t.shared)
	}
	c := *p
	t.shared[c] = &c
	return &c
}

// find returns a socket's owner, and keeps the socket among the young ones.
func (t *Table) find(k key) *owner {
	if o := t.young[k]; o != nil {
		return o
	}
	o := t.old[k]
	if o != nil {
		delete(t.old, k)
		t.put(k, o)
	}
	return o
}

func (t *Table) put(k key, o *owner) {
	if len(t.young) >= generation && t.young[k] == nil {
		t.forgotten += uint64(len(t.old))
		t.old, t.young = t.young, make(map[key]*owner)
	}
	t.young[k] = o
}

// slack is how much later than a flow's last packet its socket may seem to be: the clocks of both differ.
const slack = int64(20 * time.Millisecond)

// at returns the process at a time, else the earliest known one.
func (o *owner) at(last int64) *record.Process {
	for o.since > last+slack && o.before != nil {
		o = o.before
	}
	return o.process
}

// Flow sets a record's process, if the socket of one of its ends is known: the client's, else the server's.
func (t *Table) Flow(r *record.Flow) {
	if t == nil || r.Proto != packet.ProtoTCP && r.Proto != packet.ProtoUDP {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, end := range [...]struct {
		local, remote *record.Endpoint
		known         netip.AddrPort // the remote end as the local one knows it
		isServer      bool
	}{{&r.Client, &r.Server, r.NAT.Server, false}, {&r.Server, &r.Client, r.NAT.Client, true}} {
		o := t.find(key{r.Proto, plain(end.local.Addr), plain(end.remote.Addr)})
		if o == nil && end.known.IsValid() {
			o = t.find(key{r.Proto, plain(end.local.Addr), plain(end.known)})
		}
		if o == nil && end.local.Side == record.SideGateway && (end.isServer || r.Proto == packet.ProtoUDP) {
			o = t.bound(r.Proto, plain(end.local.Addr))
		}
		if o != nil {
			r.Process = o.at(r.LastSeen)
			return
		}
	}
}

// bound returns the owner of a socket without a peer: at this address, or at any.
func (t *Table) bound(proto uint8, local netip.AddrPort) *owner {
	if o := t.find(key{proto: proto, local: local}); o != nil {
		return o
	}
	return t.find(key{proto: proto, local: netip.AddrPortFrom(netip.Addr{}, local.Port())})
}
