// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// reopenAfter is how long a store may take no report before it is closed and opened again: an engine that has met an
// error it can't undo, such as a full disk at the wrong moment, answers nothing any more until then.
const reopenAfter = time.Minute

// reopening is a store that is opened again when it fails for long.
type reopening struct {
	open func() (store.Store, error)
	now  func() time.Time
	log  func(format string, args ...any)

	mu    sync.RWMutex
	store store.Store // nil: it could not be opened

	since time.Time // of the first failure in a row; the zero time without one. Only Ingest uses it
}

var errClosed = errors.New("the store is closed: it could not be opened again")

func newReopening(open func() (store.Store, error), log func(format string, args ...any)) (*reopening, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	return &reopening{open: open, now: time.Now, log: log, store: s}, nil
}

// Ingest implements store.Store. One goroutine may call it.
func (r *reopening) Ingest(ctx context.Context, reports []store.Report) ([]string, error) {
	unknown, err := with(r, func(s store.Store) ([]string, error) { return s.Ingest(ctx, reports) })
	var refused *store.RefusedError
	switch {
	case err == nil || errors.As(err, &refused):
		r.since = time.Time{}
	case ctx.Err() != nil:
	case r.since.IsZero():
		r.since = r.now()
	case r.now().Sub(r.since) >= reopenAfter:
		r.since = r.now()
		r.reopen()
	}
	return unknown, err
}

// reopen waits until no question is under way.
func (r *reopening) reopen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			r.log("close the store: %v", err)
		}
		r.store = nil
	}
	s, err := r.open()
	if err != nil {
		r.log("open the store again: %v", err)
		return
	}
	r.store = s
	r.log("the store has failed for %s, and was opened again", reopenAfter)
}

// with asks the store that is open.
func with[T any](r *reopening, ask func(s store.Store) (T, error)) (answer T, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.store == nil {
		return answer, errClosed
	}
	return ask(r.store)
}

// Top implements store.Store.
func (r *reopening) Top(ctx context.Context, q *store.TopQuery) (*store.Top, error) {
	return with(r, func(s store.Store) (*store.Top, error) { return s.Top(ctx, q) })
}

// Series implements store.Store.
func (r *reopening) Series(ctx context.Context, q *store.SeriesQuery) (*store.Series, error) {
	return with(r, func(s store.Store) (*store.Series, error) { return s.Series(ctx, q) })
}

// Flows implements store.Store.
func (r *reopening) Flows(ctx context.Context, q *store.FlowsQuery) (*store.Flows, error) {
	return with(r, func(s store.Store) (*store.Flows, error) { return s.Flows(ctx, q) })
}

// Flow implements store.Store.
func (r *reopening) Flow(ctx context.Context, agent, id string) (*store.Flow, error) {
	return with(r, func(s store.Store) (*store.Flow, error) { return s.Flow(ctx, agent, id) })
}

// Devices implements store.Store.
func (r *reopening) Devices(ctx context.Context, q *store.DevicesQuery) ([]store.Device, error) {
	return with(r, func(s store.Store) ([]store.Device, error) { return s.Devices(ctx, q) })
}

// Agents implements store.Store.
func (r *reopening) Agents(ctx context.Context) ([]store.Agent, error) {
	return with(r, func(s store.Store) ([]store.Agent, error) { return s.Agents(ctx) })
}

// Prune implements store.Store.
func (r *reopening) Prune(ctx context.Context, now time.Time, keep store.Retention) error {
	_, err := with(r, func(s store.Store) (struct{}, error) { return struct{}{}, s.Prune(ctx, now, keep) })
	return err
}

// Close implements store.Store.
func (r *reopening) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.store == nil {
		return nil
	}
	err := r.store.Close()
	r.store = nil
	if err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}
