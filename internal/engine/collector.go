// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// batch is what one worker hands on at a time: names learnt, and records of flows. It is used again.
type batch struct {
	hints []learned
	flows []*pending
	n     int // of flows in use
}

// learned is a dissect.Hint with who learnt it and when.
type learned struct {
	number       uint64
	client, addr netip.Addr
	host         []byte
	ttl          uint32
	time         int64
}

// pending is a flow's record on its way to the collector, with what the record refers to.
type pending struct {
	first          int64 // when the flow began, by the steady clock
	number         uint64
	record         record.Flow
	text           []byte
	vlans          [packet.MaxVLANs]uint16
	tunnels        [packet.MaxTunnels]packet.Tunnel
	certificate    dissect.Certificate
	nVLAN, nTunnel uint8
	hostEnd        uint16
	iface          uint16
}

func (b *batch) learn(client netip.Addr, h dissect.Hint, number uint64, now int64) {
	n := len(b.hints)
	if n < cap(b.hints) {
		b.hints = b.hints[:n+1]
	} else {
		b.hints = append(b.hints, learned{})
	}
	l := &b.hints[n]
	*l = learned{number, client, h.Addr, append(l.host[:0], h.Host...), h.TTL, now}
}

func (b *batch) flow() *pending {
	if b.n == len(b.flows) {
		b.flows = append(b.flows, new(pending))
	}
	b.n++
	return b.flows[b.n-1]
}

// put adds a record that was made apart, and gives one that is free in its stead; nil where the batch has none.
func (b *batch) put(e *pending) (free *pending) {
	if b.n == len(b.flows) {
		b.flows = append(b.flows, e)
	} else {
		free, b.flows[b.n] = b.flows[b.n], e
	}
	b.n++
	return free
}

// reset makes the batch ready for use again. What a flood left behind is given back.
func (b *batch) reset() {
	b.hints = b.hints[:0]
	if cap(b.hints) > handOverEvery {
		b.hints = nil
	}
	if len(b.flows) > handOverEvery {
		b.flows = slices.Clone(b.flows[:handOverEvery])
	}
	for _, e := range b.flows[:min(b.n, len(b.flows))] {
		e.text = nil
	}
	b.n = 0
}

// collector brings together what the workers found, in an order that doesn't depend on how many they are: by batch, and
// in a batch by the number of the flow's first frame.
type collector struct {
	classifier *classify.Classifier
	hints      *classify.Hints

	mu         sync.Mutex // over what the pipeline's goroutine and the collector's share
	interfaces []string
	numbers    map[string]uint16 // by name

	merged  []*pending
	learned []*learned
}

// take takes one batch of each worker, and gives the records to emit until that fails.
func (c *collector) take(batches []*batch, emit func(*record.Flow) error) (err error) {
	c.merged, c.learned = c.merged[:0], c.learned[:0]
	for _, b := range batches {
		c.merged = append(c.merged, b.flows[:b.n]...)
		for i := range b.hints {
			c.learned = append(c.learned, &b.hints[i])
		}
	}
	slices.SortStableFunc(c.learned, func(a, b *learned) int { return cmp.Compare(a.number, b.number) })
	for _, l := range c.learned {
		c.hints.Learn(l.client, l.addr, l.host, l.ttl, l.time)
	}
	slices.SortFunc(c.merged, func(a, b *pending) int {
		if o := cmp.Compare(a.number, b.number); o != 0 {
			return o
		}
		return cmp.Compare(a.nTunnel, b.nTunnel) // the flows of one frame: the outer first
	})
	for _, e := range c.merged {
		c.mu.Lock()
		c.finish(e)
		c.mu.Unlock()
		// Without the lock: an output that blocks must not keep others from making interfaces known.
		if err = emit(&e.record); err != nil {
			break
		}
	}
	for _, b := range batches {
		b.reset()
	}
	return err
}

// finish adds to a record what needs more than its own flow.
func (c *collector) finish(e *pending) {
	r := &e.record
	r.Hostname, r.Info = e.text[:e.hostEnd], e.text[e.hostEnd:]
	r.VLANs, r.Tunnels = e.vlans[:e.nVLAN], e.tunnels[:e.nTunnel]
	if int(e.iface) < len(c.interfaces) {
		r.Interface = c.interfaces[e.iface]
	}
	if r.Application != "" || r.Method == record.MethodDPI && !carriesApplications[r.Category] {
		return
	}
	var name []byte
	if len(r.Hostname) == 0 {
		name = c.hints.Name(r.Client.Addr.Addr(), r.Server.Addr.Addr(), e.first)
	}
	app := c.classifier.Guess(name, r.Server.Addr.Addr(), e.certificate)
	if app.ID != "" {
		r.Application, r.ApplicationMethod = app.ID, app.Method
		if app.Category != "" {
			r.Category = app.Category
		}
	}
	if len(name) > 0 {
		r.Hostname, r.HostnameMethod = name, record.HostnameByDNS
	}
}

// carriesApplications are the categories of protocols over which applications talk. The address of a name server or of
// a router says nothing of what is asked there.
var carriesApplications = map[string]bool{
	"web": true, "voip": true, "messaging": true, "gaming": true, "mail": true, "video-streaming": true,
	"music-streaming": true, "file-transfer": true, "file-sharing": true, "remote-access": true,
}

// maxInterfaces is how many interfaces are told apart, by name; those past it have none.
const maxInterfaces = 1 << 16

// interfaceNumber makes an interface known by its name.
func (c *collector) interfaceNumber(name string) uint16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number, ok := c.numbers[name]; ok {
		return number
	}
	if len(c.interfaces) == maxInterfaces-1 {
		return maxInterfaces - 1
	}
	if c.numbers == nil {
		c.numbers = map[string]uint16{}
	}
	number := uint16(len(c.interfaces))
	c.numbers[name] = number
	c.interfaces = append(c.interfaces, name)
	return number
}
