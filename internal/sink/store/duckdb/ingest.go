// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/decode"
)

// maxAhead is how far an agent's clock may be ahead: what it says of later than that happened then.
const maxAhead = 24 * time.Hour

// incoming is a report on its way into the database.
type incoming struct {
	*decode.Report
	from     *store.Report
	agent    *agent
	epoch    int32
	pos, t   int64
	flows    []decode.Flow
	isLate   bool // a newer one of its agent has come before
	unknowns int64
}

// touched is a flow that the batch changes.
type touched struct {
	id flowID
	flow
	row               *row                 // all of it; nil if only its counts and health change
	health            *[2]decode.TCPHealth // of client and server, if it changes and row is nil
	isNew             bool
	isRowChanged      bool
	state, endReason  string
	last              int64
	history           history // if a late line changes it
	isLate            bool
	lastReport        *incoming
	needsRow, isAsked bool
}

// batch is what a transaction stores.
type batch struct {
	s         *Store
	reports   []*incoming
	flows     map[flowID]*touched
	order     []*touched
	intervals []newInterval
}

// newInterval is an interval of a flow.
type newInterval struct {
	key   int64
	agent int32
	interval
}

// Ingest stores reports; see store.Store.
func (s *Store) Ingest(ctx context.Context, reports []store.Report) (unknown []string, err error) {
	b := &batch{s: s, flows: map[flowID]*touched{}}
	if b.reports, err = readAll(reports); err != nil {
		return nil, err
	}
	s.write.Lock()
	defer s.write.Unlock()
	err = s.transaction(ctx, func() error {
		unknown, err = b.store(ctx)
		return err
	})
	if err != nil {
		if loadErr := s.load(context.WithoutCancel(ctx)); loadErr != nil {
			s.cache.agents = nil // and the next call loads
		}
		return nil, err
	}
	for _, t := range b.order {
		known := t.flow
		s.cache.keep(t.id, &known)
	}
	var now int64
	for _, in := range b.reports {
		now = max(now, in.received())
	}
	_ = s.roll(ctx, now, maxRolls) // what fails is due the next time again
	return unknown, nil
}

// readAll decodes reports, as many at a time as there are cores.
func readAll(reports []store.Report) ([]*incoming, error) {
	all, errs := make([]*incoming, len(reports)), make([]error, len(reports))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(reports)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(reports); i = int(next.Add(1)) - 1 {
				all[i], errs[i] = read(&reports[i])
			}
		})
	}
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, &store.RefusedError{Index: i, Err: err}
		}
	}
	return all, nil
}

// read decodes a report.
func read(from *store.Report) (in *incoming, err error) {
	in = &incoming{from: from}
	if in.Report, err = decode.Read(from.Line); err != nil {
		return nil, err
	}
	if in.Report.Sequence != from.Sequence || in.Report.Epoch != from.Epoch || in.Report.Agent != from.Agent {
		return nil, errors.New("the report is another one than its envelope says")
	}
	in.t = in.End - 1
	if !from.Received.IsZero() {
		in.t = min(in.t, from.Received.Add(maxAhead).UnixNano())
	}
	return in, in.Report.Flows(func(f *decode.Flow) error {
		in.flows = append(in.flows, *f)
		return nil
	})
}

// store stores all of it, in the writer's transaction.
func (b *batch) store(ctx context.Context) (unknown []string, err error) {
	if b.s.cache.agents == nil {
		if err := b.s.load(ctx); err != nil {
			return nil, err
		}
	}
	if err := b.place(ctx); err != nil {
		return nil, err
	}
	if err := b.find(ctx); err != nil {
		return nil, err
	}
	for _, in := range b.reports {
		for i := range in.flows {
			b.line(in, &in.flows[i])
		}
	}
	return b.unknown(), b.writeAll(ctx)
}

// unknown counts the lines of flows whose whole record has not come, and returns their agents.
func (b *batch) unknown() (agents []string) {
	for _, in := range b.reports {
		for i := range in.flows {
			if b.flows[flowID{in.agent.num, in.flows[i].ID}].whole == 0 {
				in.unknowns++
			}
		}
		if in.unknowns > 0 && !slices.Contains(agents, in.from.Agent) {
			agents = append(agents, in.from.Agent)
		}
	}
	return agents
}

// place finds the reports' places in the order of their agents', sorts by it, and drops those that are there already.
func (b *batch) place(ctx context.Context) error {
	c := &b.s.cache
	for _, in := range b.reports {
		var err error
		if in.agent, err = b.agent(ctx, in.from.Agent); err != nil {
			return err
		}
		var ok bool
		if in.epoch, ok = in.agent.epochs[in.from.Epoch]; !ok {
			c.lastEpoch++
			in.epoch = c.lastEpoch
			in.agent.epochs[in.from.Epoch] = in.epoch
			_, err := b.s.writer.ExecContext(ctx, "INSERT INTO epochs VALUES (?, ?, ?)", in.epoch, in.agent.num,
				in.from.Epoch)
			if err != nil {
				return err
			}
		}
		in.pos = posOf(in.epoch, in.Sequence)
	}
	slices.SortStableFunc(b.reports, func(a, o *incoming) int {
		return cmp.Or(cmp.Compare(a.agent.num, o.agent.num), cmp.Compare(a.pos, o.pos))
	})
	kept := b.reports[:0]
	for _, in := range b.reports {
		if len(kept) > 0 && kept[len(kept)-1].pos == in.pos {
			continue
		}
		var isThere bool
		err := b.s.writer.QueryRowContext(ctx,
			"SELECT count(*) > 0 FROM reports WHERE agent = ? AND epoch = ? AND sequence = ?", in.agent.num, in.epoch,
			int64(in.from.Sequence)).Scan(&isThere)
		if err != nil {
			return err
		}
		if isThere {
			continue
		}
		if b.s.rolls.isFrozen(in.t) { // its like was pruned
			in.flows = nil
		}
		in.isLate = in.pos < in.agent.pos
		in.agent.pos = max(in.agent.pos, in.pos)
		kept = append(kept, in)
	}
	b.reports = kept
	return nil
}

func (b *batch) agent(ctx context.Context, id string) (*agent, error) {
	c := &b.s.cache
	if a, ok := c.agents[id]; ok {
		return a, nil
	}
	c.lastNum++
	a := &agent{num: c.lastNum, epochs: map[string]int32{}}
	c.agents[id] = a
	_, err := b.s.writer.ExecContext(ctx, "INSERT INTO agents VALUES (?, ?, '', '', 0, 0, 0, '{}', '[]')", a.num, id)
	return a, err
}

// find finds the batch's flows: in the cache, else in the database. A flow that began within the report's period is new
// if no newer report of the agent has come.
func (b *batch) find(ctx context.Context) error {
	var ask []*touched
	for _, in := range b.reports {
		for i := range in.flows {
			f := &in.flows[i]
			id := flowID{in.agent.num, f.ID}
			t := b.flows[id]
			if t == nil {
				t = &touched{id: id}
				b.flows[id] = t
				b.order = append(b.order, t)
				switch known := b.s.cache.flows[id]; {
				case known != nil:
					t.flow = *known
				case f.IsWhole && !in.isLate && f.First >= in.Begin:
					t.isNew = true
				default:
					t.isAsked = true
					ask = append(ask, t)
				}
			}
			if t.isNew {
				continue
			}
			t.isLate = t.isLate || !t.isAsked && in.pos <= t.pos || t.isAsked && in.isLate
			t.needsRow = t.needsRow || f.Has&^(1<<decode.Health) != 0 || t.isLate
			if t.needsRow && !t.isAsked {
				t.isAsked = true
				ask = append(ask, t)
			}
		}
	}
	if err := b.loadRows(ctx, ask); err != nil {
		return err
	}
	var late []*touched
	for _, t := range b.order {
		if t.isNew = t.isNew || t.isAsked && t.row == nil; t.isNew {
			b.s.cache.lastKey++
			t.key = b.s.cache.lastKey
			t.row = &row{flow: flow{key: t.key}, id: t.id}
		} else if t.isLate {
			late = append(late, t)
		}
	}
	return b.loadHistories(ctx, late)
}

// line applies a line of a report to its flow.
func (b *batch) line(in *incoming, f *decode.Flow) {
	t := b.flows[flowID{in.agent.num, f.ID}]
	if t.lastReport == in { // the schema allows a flow once in a report
		return
	}
	t.lastReport = in
	if in.pos <= t.pos {
		b.lateLine(t, in, f)
		return
	}
	grown := countsOf(f)
	if f.IsWhole {
		grown = grown.sub(t.counts)
	}
	i := interval{t: in.t, pos: in.pos, flags: flagsOf(f), counts: grown}
	before := t.dims
	switch {
	case t.row != nil && f.Has != 0:
		t.replace(f, in.pos, b.s.cache.text)
	case f.Has != 0:
		t.health, t.versions[decode.Health] = &[2]decode.TCPHealth{f.Client.Health, f.Server.Health}, in.pos
	}
	if t.pos != 0 {
		t.changed |= changes(&before, &t.dims)
	}
	t.pos, t.counts = in.pos, t.counts.add(grown)
	t.state, t.endReason, t.last = f.State, f.EndReason, f.Last
	i.dims = t.dims
	t.packetsT, t.changed = i.after(t.packetsT, t.changed)
	switch {
	case t.history != nil:
		i.isChanged = true
		t.history = append(t.history, &i)
	case i.isNeeded():
		b.intervals = append(b.intervals, newInterval{t.key, t.id.agent, i})
	}
}

// replace replaces groups of a touched flow's fields.
func (t *touched) replace(f *decode.Flow, pos int64, text func(string) string) {
	t.row.flow = t.flow
	t.row.replace(f, pos, text)
	t.flow = t.row.flow
	t.isRowChanged = true
}

// lateLine applies a line that is older than what is known of its flow.
func (b *batch) lateLine(t *touched, in *incoming, f *decode.Flow) {
	text := b.s.cache.text
	i := &interval{t: in.t, pos: in.pos, flags: flagsOf(f), isChanged: true}
	then := *t.row // as it was then, as far as it matters
	then.versions, then.whole = [decode.NumGroups]int64{}, 0
	if !t.history.isKnownAt(in.pos) {
		then.client, then.server, then.dims.port = end{}, end{}, ""
	}
	then.replace(f, in.pos, text)
	i.dims = then.dims
	all, grown := t.history.insert(i, countsOf(f))
	if all == nil {
		return
	}
	t.history, t.counts = all, t.counts.add(grown)
	if f.IsWhole {
		t.history.locate(i, f.Client.Addr, f.Server.Addr, text)
	}
	if f.Has != 0 {
		t.replace(f, in.pos, text)
	}
	t.packetsT, t.changed = t.history.relate()
	t.isRowChanged = true
}

// lost adds up what an agent's counters say is lost.
func (in *incoming) lost() (n uint64) {
	for _, c := range in.Counters {
		if isLoss[[2]string{c.Name, c.Cause}] {
			n += c.More
		}
	}
	return min(n, decode.MaxCount)
}

var isLoss = func() map[[2]string]bool {
	all := map[[2]string]bool{}
	for _, c := range metric.All() {
		if c.Class == metric.Loss {
			all[[2]string{c.Name, c.Cause}] = true
		}
	}
	return all
}()
