// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/event"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// tick is the interval, in nanoseconds of the packets' own time, of ending idle flows and handing records on.
const tick = int64(1e9)

// handOverEvery bounds the frames between two handovers: a flood can end a hundred thousand flows within one tick,
// which must not all stay in memory.
const handOverEvery = 1 << 12

// Pipeline takes frames in capture order and produces flow records, whose order and contents do not depend on the
// number of workers. Its methods belong to one goroutine.
type Pipeline struct {
	workers   []*worker
	collector collector
	output    func(*record.Flow) error // nil: the records go to handovers
	handovers chan *Handover           // nil: the records go to output
	spare     []chan *batch            // recycled ones, one channel per worker
	number    uint64
	now       int64 // the present tick
	begun     bool
	clock     steadyClock
	once      *once // nil until a frame names its place of capture

	// With more than one worker:
	seed    maphash.Seed
	decoder [packet.MaxTunnels + 1]packet.Packet
	depths  []uint8 // by worker, of the present frame
	filling []*chunk
	queues  []chan *chunk
	free    chan *chunk
	ticks   []chan *batch // handed-over batches, one channel per worker
	running sync.WaitGroup
	done    chan struct{}

	mu  sync.Mutex
	err error // the first of output
}

// chunk is a stretch of one worker's frames, copied, since a capture's memory is valid for one frame only.
type chunk struct {
	frames []Frame
	data   []byte
	// After the frames:
	advance  bool   // end the flows whose time is over at now
	now      int64  //
	handOver bool   // hand the batch over
	closing  bool   // end all flows, and the worker
	last     uint64 // with closing: the number of the capture's last frame
}

// Sizes of chunks: large enough to spread a channel operation (about 100 ns, and a thread switch when idle) over many
// frames, small enough for the second-level cache.
const (
	chunkFrames = 256
	chunkBytes  = 192 << 10
)

// NewPipeline returns a pipeline of n workers. output receives each record, valid during the call; after its first
// error, which Close returns, it is not called again. hints bounds the memory of DNS names, 0 for the default.
func NewPipeline(c Config, n, hints int, output func(*record.Flow) error) *Pipeline {
	return newPipeline(c, n, hints, &Pipeline{output: output})
}

// NewLivePipeline returns a pipeline whose records go to Handovers.
func NewLivePipeline(c Config, n, hints int) *Pipeline {
	return newPipeline(c, n, hints, &Pipeline{handovers: make(chan *Handover, 2*n)})
}

func newPipeline(c Config, n, hints int, p *Pipeline) *Pipeline {
	p.collector = collector{classifier: c.Classifier, hints: classify.NewHints(hints), onEvent: c.OnEvent,
		kept: handOverEvery}
	for range max(n, 1) {
		w := newWorker(c)
		w.clock = &p.clock
		p.workers = append(p.workers, w)
		p.spare = append(p.spare, make(chan *batch, 2))
	}
	if len(p.workers) > 1 {
		p.start()
	}
	return p
}

// Handovers delivers the workers' results of a NewLivePipeline, until Close.
func (p *Pipeline) Handovers() <-chan *Handover { return p.handovers }

// NewInterfaces returns a map from the kernel's interface indices to numbers for Frame.Interface.
func (p *Pipeline) NewInterfaces() *Interfaces {
	i := new(Interfaces)
	i.init(p.collector.interfaceNumber)
	return i
}

// AddInterface returns the number for Frame.Interface of an interface's name.
func (p *Pipeline) AddInterface(name string) uint16 { return p.collector.interfaceNumber(name) }

// Frame takes the next frame. The pipeline sets Number.
func (p *Pipeline) Frame(f *Frame) {
	p.number++
	f.Number = p.number
	f.Time = p.clock.steady(f.Time)
	if second := f.Time / tick; second != p.now || !p.begun {
		p.now, p.begun = second, true
		p.handOver(true, f.Time)
	} else if p.number%handOverEvery == 0 {
		p.handOver(false, 0)
	}
	p.take(f)
	for rest := packet.LaterMSDUs(f.Link, f.Data); len(rest) > 0; {
		part := *f
		part.isPart, part.Link = true, packet.LinkEthernet
		part.Data, part.Length, rest = packet.NextMSDU(rest)
		p.take(&part)
	}
}

// take passes a frame to its worker or workers.
func (p *Pipeline) take(f *Frame) {
	f.as, f.copied = [packet.MaxTunnels + 1]*ends{}, 0
	if p.isCopy(f) {
		return
	}
	if len(p.workers) == 1 {
		f.depths = allDepths &^ f.copied
		p.workers[0].frame(f)
		return
	}
	p.dispatch(f)
}

// isCopy reports whether a packet was already counted where it came in.
func (p *Pipeline) isCopy(f *Frame) bool {
	if f.Origin == 0 && f.Direction == packet.DirectionUnknown || p.workers[0].CountEach {
		return false
	}
	if p.once == nil {
		p.once = newOnce(!p.workers[0].KeepTunnels)
	}
	return p.once.isCopy(f)
}

// Tick advances the time without a frame, for live captures: now is in nanoseconds since the Unix epoch.
func (p *Pipeline) Tick(now int64) {
	if second := now / tick; second != p.now || !p.begun {
		p.now, p.begun = second, true
		p.handOver(true, now)
	}
}

// Err returns output's first error, after which the caller may stop early.
func (p *Pipeline) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// deliver passes on the records of one batch of each worker.
func (p *Pipeline) deliver(batches []*batch) {
	if p.handovers != nil {
		p.handovers <- p.newHandover(batches)
		return
	}
	output := p.output
	if p.Err() != nil { // names are still learnt
		output = func(*record.Flow) error { return nil }
	}
	if err := p.collector.take(batches, 0, output); err != nil {
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
	}
	p.giveBack(batches)
}

// giveBack returns the batches to their workers.
func (p *Pipeline) giveBack(batches []*batch) {
	for i, b := range batches {
		select {
		case p.spare[i] <- b:
		default:
		}
	}
}

// handOver makes the workers hand over their batches, with advance after ending the flows whose time is over. It
// happens at the same frames whatever the number of workers.
func (p *Pipeline) handOver(advance bool, now int64) {
	if len(p.workers) == 1 {
		w := p.workers[0]
		if advance {
			w.advance(now)
		}
		p.deliver([]*batch{w.handOver(p.spare[0])})
		return
	}
	for i, c := range p.filling {
		c.handOver, c.advance, c.now = true, advance, now
		p.send(i)
	}
}

// Close ends all flows, delivers their records, and returns output's first error.
func (p *Pipeline) Close() error {
	if len(p.workers) == 1 {
		w := p.workers[0]
		w.close(p.number, func() { p.deliver([]*batch{w.handOver(p.spare[0])}) })
		return p.closed()
	}
	for i, c := range p.filling {
		c.closing, c.last = true, p.number
		p.send(i)
	}
	p.running.Wait()
	<-p.done
	return p.closed()
}

// closed completes Close: all is delivered.
func (p *Pipeline) closed() error {
	if p.handovers != nil {
		close(p.handovers)
	}
	return p.Err()
}

// start starts the workers and the collector.
func (p *Pipeline) start() {
	n := len(p.workers)
	p.seed = maphash.MakeSeed()
	p.filling, p.depths = make([]*chunk, n), make([]uint8, n)
	p.queues, p.ticks = make([]chan *chunk, n), make([]chan *batch, n)
	const depth = 8 // chunks in flight per worker
	p.free = make(chan *chunk, n*(depth+2))
	p.done = make(chan struct{})
	for i, w := range p.workers {
		p.filling[i] = new(chunk)
		p.queues[i] = make(chan *chunk, depth)
		p.ticks[i] = make(chan *batch, depth)
		p.running.Go(func() { p.work(i, w) })
	}
	go p.collect()
}

// work is a worker's loop. It ends with its last chunk.
func (p *Pipeline) work(i int, w *worker) {
	defer close(p.ticks[i])
	for c := range p.queues[i] {
		for j := range c.frames {
			w.frame(&c.frames[j])
		}
		if c.advance {
			w.advance(c.now)
		}
		if c.handOver {
			p.ticks[i] <- w.handOver(p.spare[i])
		}
		if c.closing {
			w.close(c.last, func() { p.ticks[i] <- w.handOver(p.spare[i]) })
			return
		}
		*c = chunk{frames: c.frames[:0], data: c.data[:0]}
		select {
		case p.free <- c:
		default:
		}
	}
}

// handOver returns the batch and continues with a recycled one, if there is one.
func (w *worker) handOver(spare <-chan *batch) *batch {
	full := new(batch)
	*full = w.batch
	select {
	case used := <-spare:
		w.batch = *used
	default:
		w.batch = batch{}
	}
	return full
}

// close ends all flows in the order of their first frames, and hands on after each stretch of handOverEvery frames up
// to the capture's last: so the order does not depend on the number of workers, and only some of the records are in
// memory at once.
func (w *worker) close(last uint64, handOn func()) {
	w.giveUpFragments(0, -1)
	w.events.close()
	type beginning struct {
		number uint64
		place  flow.Index
	}
	flows := make([]beginning, 0, w.table.Len())
	w.table.Each(func(i flow.Index) { flows = append(flows, beginning{w.table.Detail(i).number, i}) })
	slices.SortFunc(flows, func(a, b beginning) int { return cmp.Compare(a.number, b.number) })
	for bound := uint64(0); bound <= last; {
		bound += handOverEvery
		for len(flows) > 0 && flows[0].number < bound {
			w.table.End(flows[0].place, flow.Shutdown)
			flows = flows[1:]
		}
		handOn()
	}
}

// collect merges the workers' batches tick by tick, until the workers end.
func (p *Pipeline) collect() {
	defer close(p.done)
	batches := make([]*batch, len(p.ticks))
	for {
		for i, ch := range p.ticks {
			b, ok := <-ch
			if !ok {
				return
			}
			batches[i] = b
		}
		p.deliver(batches)
	}
}

// dispatch copies a frame to the worker of its addresses. All flows between two hosts go to one worker, so that later
// fragments and announced flows find their context. A tunnel's packet goes to the worker of the outer addresses and to
// that of the inner ones, each of which counts its own.
func (p *Pipeline) dispatch(f *Frame) {
	clear(p.depths)
	d := &p.decoder[0]
	d.Decode(f.Link, f.Data, f.Length)
	if d.IPVersion == 0 {
		p.depths[0] = 1
	}
	for depth := 0; d.IPVersion != 0; depth++ {
		if f.as[depth] != nil {
			f.as[depth].apply(d)
		}
		if f.copied>>depth&1 == 0 {
			p.depths[p.hosts(d)%uint64(len(p.workers))] |= 1 << depth
		}
		if d.Tunnel == packet.TunnelNone || depth == packet.MaxTunnels || p.workers[0].KeepTunnels {
			break
		}
		outer := d
		d = &p.decoder[depth+1]
		if !d.Inner(outer) {
			break
		}
	}
	for i, depths := range p.depths {
		if depths != 0 {
			p.fill(i, f, depths)
		}
	}
}

// fill copies a frame into worker i's chunk.
func (p *Pipeline) fill(i int, f *Frame, depths uint8) {
	c := p.filling[i]
	if len(c.frames) == chunkFrames || len(c.frames) > 0 && len(c.data)+len(f.Data) > chunkBytes {
		p.send(i)
		c = p.filling[i]
	}
	if len(c.frames) == 0 && cap(c.data) < len(f.Data) {
		c.data = make([]byte, 0, max(chunkBytes, len(f.Data)))
	}
	start := len(c.data)
	c.data = append(c.data, f.Data...)
	c.frames = append(c.frames, *f)
	kept := &c.frames[len(c.frames)-1]
	kept.Data, kept.depths = c.data[start:len(c.data):len(c.data)], depths
}

// hosts returns a hash of a packet's two addresses, the same for both directions.
func (p *Pipeline) hosts(d *packet.Packet) uint64 {
	src, dst := d.Src.As16(), d.Dst.As16()
	var sum [16]byte
	for i := 0; i < 16; i += 8 {
		a, b := binary.LittleEndian.Uint64(src[i:]), binary.LittleEndian.Uint64(dst[i:])
		binary.LittleEndian.PutUint64(sum[i:], a+b)
	}
	return maphash.Bytes(p.seed, sum[:])
}

// send passes the chunk being filled to worker i.
func (p *Pipeline) send(i int) {
	p.queues[i] <- p.filling[i]
	select {
	case p.filling[i] = <-p.free:
	default:
		p.filling[i] = new(chunk)
	}
}

// Totals are the counters of all workers; final after Close.
type Totals struct {
	Counters
	Flows    flow.Counters
	Dissect  dissect.Counters
	Fragment uint64 // evictions of the fragment caches
	Hints    uint64 // evicted pairs of client and address
	Names    uint64 // evicted names of such pairs
	Copies   Copies // frames that repeat a packet
	Events   event.Counters
}

// Collect adds the counts to a snapshot.
func (t *Totals) Collect(s *metric.Snapshot) {
	t.Counters.Collect(s)
	t.Flows.Collect(s)
	t.Dissect.Collect(s)
	t.Events.Collect(s)
	s.Add(metric.FragmentsForgotten, t.Fragment)
	s.Add(metric.AnswersForgotten, t.Hints)
	s.Add(metric.AnswerNamesForgotten, t.Names)
	s.Add(metric.CopiesForwarded, t.Copies.Forwarded)
	s.Add(metric.CopiesCarried, t.Copies.Carried)
}

// addAll adds o's counters to t's.
func (t *Totals) addAll(o *Totals) {
	t.add(&o.Counters)
	t.Flows.Created += o.Flows.Created
	t.Flows.Evicted += o.Flows.Evicted
	t.Flows.Refused += o.Flows.Refused
	t.Dissect.Add(&o.Dissect)
	t.Events.Add(&o.Events)
	t.Fragment += o.Fragment
	t.Hints += o.Hints
	t.Names += o.Names
}

// totals returns one worker's counters.
func (w *worker) totals() Totals {
	return Totals{Counters: w.counters, Flows: w.table.Counters, Dissect: w.pool.Counters,
		Fragment: w.fragments.Evictions + w.early.evictions, Events: w.events.counters()}
}

// Totals returns the sum of the workers' counters. Call it after Close.
func (p *Pipeline) Totals() Totals {
	var t Totals
	for _, w := range p.workers {
		o := w.totals()
		t.addAll(&o)
	}
	t.Hints, t.Names = p.collector.hints.Evicted, p.collector.hints.NamesEvicted
	if p.once != nil {
		t.Copies = p.once.Copies
		t.Frames += p.once.frames
		t.Bytes += p.once.bytes
	}
	return t
}
