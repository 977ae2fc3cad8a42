// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/event"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// batch is what one worker hands on at once: learnt names, and records of flows. It is recycled.
type batch struct {
	hints []learned
	flows []*pending
	n     int // flows in use
	saying
}

// learned is a dissect.Hint with its worker's frame and time.
type learned struct {
	number       uint64
	client, addr netip.Addr
	host         []byte
	ttl          uint32
	time         int64
}

// pending is a flow's record on its way to the collector, with the memory that it refers to.
type pending struct {
	first          int64 // the flow's beginning, on the steady clock
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

// put adds a record made elsewhere, and returns a free one in exchange; nil if the batch has none.
func (b *batch) put(e *pending) (free *pending) {
	if b.n == len(b.flows) {
		b.flows = append(b.flows, e)
	} else {
		free, b.flows[b.n] = b.flows[b.n], e
	}
	b.n++
	return free
}

// reset empties the batch for reuse, and keeps memory for so many records at most: it releases that of a flood.
func (b *batch) reset(kept int) {
	b.hints = b.hints[:0]
	if cap(b.hints) > handOverEvery {
		b.hints = nil
	}
	if len(b.flows) > kept {
		b.flows = slices.Clone(b.flows[:kept])
	}
	for _, e := range b.flows[:min(b.n, len(b.flows))] {
		e.text = nil
	}
	b.n = 0
	b.saying.reset()
}

// collector merges the workers' results in an order that does not depend on their number: by batch, and within a batch
// by the number of the flow's first frame.
type collector struct {
	classifier *classify.Classifier
	hints      *classify.Hints
	kept       int // records that a batch keeps memory for

	mu         sync.Mutex // guards what the pipeline's goroutine and the collector's share
	interfaces []string
	numbers    map[string]uint16 // by name

	merged  []*pending
	learned []*learned

	onEvent func(*record.Event) error // nil: nobody wants any
	events  []*event.Event
}

// take takes one batch of each worker, and passes the events to onEvent and the records to emit until one fails. step
// is how far the events' times have moved.
func (c *collector) take(batches []*batch, step int64, emit func(*record.Flow) error) (err error) {
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
		if o := cmp.Compare(a.nTunnel, b.nTunnel); o != 0 { // flows of one frame: the outer first
			return o
		}
		// Records of one flow: as it went.
		return cmp.Or(cmp.Compare(a.record.State, b.record.State), cmp.Compare(a.record.LastSeen, b.record.LastSeen))
	})
	err = c.takeEvents(batches, step)
	for _, e := range c.merged {
		if err != nil {
			break
		}
		c.mu.Lock()
		c.finish(e)
		c.mu.Unlock()
		// Without the lock: a blocked output must not stop the naming of interfaces.
		if err = emit(&e.record); err != nil {
			break
		}
	}
	for _, b := range batches {
		b.reset(c.kept)
	}
	return err
}

// finish adds to a record what depends on other flows.
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

// carriesApplications lists the categories of protocols that carry applications. The address of a name server or a
// router does not identify an application.
var carriesApplications = map[string]bool{
	"web": true, "voip": true, "messaging": true, "gaming": true, "mail": true, "video-streaming": true,
	"music-streaming": true, "file-transfer": true, "file-sharing": true, "remote-access": true,
}

// maxInterfaces bounds the distinct interfaces, by name; further ones have no name.
const maxInterfaces = 1 << 16

// interfaceNumber returns the number of an interface's name, a new one if necessary.
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
