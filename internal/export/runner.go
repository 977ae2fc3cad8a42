// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/logging"
)

// maxBatch bounds the records of one Write.
const maxBatch = 512

// The waits before records are tried again: each is a random part of a bound that doubles from the first to the last.
const (
	firstWait = 500 * time.Millisecond
	lastWait  = 30 * time.Second
)

// runner gives an output the records of its queue.
type runner struct {
	target *Target
	queue  *Queue
	output Output
	log    *logging.Logger

	written, failed atomic.Uint64
	problem         atomic.Pointer[string] // of the last Write; nil: none
	failing         time.Time              // since when; zero: it works
}

// run works until the queue is closed and empty, or ctx ends: what is left then is lost, and counted.
func (r *runner) run(ctx context.Context) {
	defer func() {
		if err := r.output.Close(); err != nil {
			r.log.Warnf("%s: %v", r.target, err)
		}
	}()
	var batch []*Record
	for {
		select {
		case <-r.queue.Wake():
		case <-ctx.Done():
			return
		}
		var isOver bool
		if batch, isOver = r.queue.Take(batch[:0], maxBatch); len(batch) > 0 {
			r.write(ctx, batch)
			clear(batch)
		}
		if isOver {
			return
		}
	}
}

// write writes records, and tries again as long as that may help.
func (r *runner) write(ctx context.Context, batch []*Record) {
	for bound := firstWait; ; bound = min(2*bound, lastWait) {
		err := r.output.Write(ctx, batch)
		if err == nil {
			r.written.Add(uint64(len(batch)))
			r.works()
			return
		}
		r.fails(err)
		var lost *LostError
		if errors.As(err, &lost) {
			r.count(len(batch), lost.Lost)
			return
		}
		var retry *RetryError
		if errors.As(err, &retry) {
			r.count(retry.Done, retry.Lost)
			batch = batch[retry.Done:]
		}
		if retry == nil || !Sleep(ctx, rand.N(bound)) {
			r.failed.Add(uint64(len(batch)))
			return
		}
	}
}

// count counts records that are done, some of which are lost.
func (r *runner) count(done, lost int) {
	r.written.Add(uint64(done - lost))
	r.failed.Add(uint64(lost))
}

// Sleep reports whether the time has passed before ctx ended.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// fails notes a failure, and logs the first of a row.
func (r *runner) fails(err error) {
	text := err.Error()
	r.problem.Store(&text)
	if r.failing.IsZero() {
		r.failing = time.Now()
		r.log.Warnf("%s: %v", r.target, err)
	}
}

func (r *runner) works() {
	if !r.failing.IsZero() {
		r.log.Infof("%s: works again, after %s", r.target, time.Since(r.failing).Round(time.Second))
		r.failing = time.Time{}
		r.problem.Store(nil)
	}
}

// state tells what became of the records.
func (r *runner) state() control.OutputState {
	waiting, dropped := r.queue.Count()
	s := control.OutputState{Kind: r.target.Kind.Name, To: short(r.target.String()), Written: r.written.Load(),
		Dropped: dropped, Failed: r.failed.Load(), Waiting: waiting}
	if p := r.problem.Load(); p != nil {
		s.Problem = short(*p)
	}
	return s
}

// short bounds a text on its way to the agent: those of all outputs are one request.
func short(text string) string {
	const most = 160
	text = control.Printable(text[:min(len(text), most)])
	return text[:min(len(text), 2*most)]
}
