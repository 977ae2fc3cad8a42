// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
)

// Store takes what is drained.
type Store interface {
	Ingest(ctx context.Context, reports []store.Report) (unknown []string, err error)
}

// Drain moves reports from the queue into the store.
type Drain struct {
	Queue    *Queue
	Store    Store
	Refused  string // folder of the reports that the store can never take
	Counters *status.Counters
	// Unknown is told the agents whose flows the store does not know.
	Unknown func(agents []string)
	// Stored is told after each batch.
	Stored func()
	// Log takes a line for people.
	Log func(format string, args ...any)
}

const (
	// batchBytes is the size of a transaction: large enough for the engine, small enough to try again.
	batchBytes = 8 << 20
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
	// manyFails of a batch lead to its reports being tried one by one.
	manyFails = 5
	// maxRefused bounds the files in the folder of refused reports.
	maxRefused = 1000
)

// Run drains until the context or the queue ends.
func (d *Drain) Run(ctx context.Context) {
	for {
		var b *Batch
		err := d.retry(ctx, "read the queue", func() (err error) {
			b, err = d.Queue.Next(ctx, batchBytes)
			return err
		})
		if err != nil {
			return
		}
		if d.store(ctx, b.Reports) != nil {
			return
		}
		if d.retry(ctx, "advance the queue", func() error { return d.Queue.Advance(b) }) != nil {
			return
		}
		d.Counters.Damaged.Add(uint64(b.Damaged))
		if d.Stored != nil {
			d.Stored()
		}
	}
}

// retry calls do until it succeeds; the error is that of the context's or the queue's end.
func (d *Drain) retry(ctx context.Context, what string, do func() error) error {
	for fails := 0; ; fails++ {
		err := do()
		if err == nil {
			if fails > 0 {
				d.Log("%s: works again", what)
			}
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return err
		}
		if fails == 0 {
			d.Log("%s: %v; it is tried again", what, err)
		}
		if err := pause(ctx, fails); err != nil {
			return err
		}
	}
}

// pause waits before another try: twice as long each time, with jitter.
func pause(ctx context.Context, fails int) error {
	wait := min(firstPause<<min(fails, 20), lastPause)
	select {
	case <-time.After(wait/2 + rand.N(wait/2)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// store hands reports to the store until it has taken them. A report that it refuses for good is set aside.
func (d *Drain) store(ctx context.Context, reports []store.Report) error {
	for fails := 0; len(reports) > 0; {
		err := d.ingest(ctx, reports)
		var refused *store.RefusedError
		switch {
		case err == nil:
			if fails > 0 {
				d.Log("the store takes reports again")
			}
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused) && refused.Index >= 0 && refused.Index < len(reports):
			d.setAside(&reports[refused.Index], refused.Err)
			rest := append([]store.Report(nil), reports[:refused.Index]...)
			reports = append(rest, reports[refused.Index+1:]...)
			continue
		}
		d.Counters.StoreFails.Add(1)
		if fails == 0 {
			d.Log("the store failed: %v; reports wait in the queue", err)
		}
		if fails++; fails%manyFails == 0 && len(reports) > 1 {
			if reports, err = d.oneByOne(ctx, reports); err != nil {
				return err
			}
		}
		if err := pause(ctx, fails); err != nil {
			return err
		}
	}
	return nil
}

// oneByOne looks for a report on which the store fails while it takes others, sets it aside, and returns those that are
// still to be stored.
func (d *Drain) oneByOne(ctx context.Context, reports []store.Report) (rest []store.Report, err error) {
	var reason error
	for i := range reports {
		err := d.ingest(ctx, reports[i:i+1])
		var refused *store.RefusedError
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &refused):
			d.setAside(&reports[i], refused.Err)
		default:
			reason = err
			rest = append(rest, reports[i])
		}
	}
	// The store took the others just now, so it works: it is this report.
	if len(rest) == 1 && d.ingest(ctx, rest) != nil && ctx.Err() == nil {
		d.setAside(&rest[0], reason)
		return nil, nil
	} else if len(rest) == 1 && ctx.Err() == nil {
		return nil, nil
	}
	return rest, ctx.Err()
}

func (d *Drain) ingest(ctx context.Context, reports []store.Report) error {
	unknown, err := d.Store.Ingest(ctx, reports)
	if err != nil {
		return err
	}
	d.Counters.Stored.Add(uint64(len(reports)))
	if len(unknown) > 0 && d.Unknown != nil {
		d.Unknown(unknown)
	}
	return nil
}

// refusal is a file in the folder of refused reports.
type refusal struct {
	Agent    string    `json:"agent"`
	Epoch    string    `json:"epoch"`
	Sequence uint64    `json:"sequence"`
	Received time.Time `json:"received"`
	Reason   string    `json:"reason"`
	Report   string    `json:"report"`
}

// setAside keeps a report that the store can't take, so that nothing that was acknowledged is lost without a trace. It
// is counted, also when the folder is full.
func (d *Drain) setAside(r *store.Report, reason error) {
	d.Counters.Refuse(status.CauseStore)
	where, err := d.keep(r, reason)
	if err != nil {
		where = "not kept: " + err.Error()
	}
	d.Log("the store refuses report %d of agent %s: %v (%s)", r.Sequence, r.Agent, reason, where)
}

func (d *Drain) keep(r *store.Report, reason error) (path string, err error) {
	if err := os.MkdirAll(d.Refused, 0o700); err != nil {
		return "", err
	}
	files, err := os.ReadDir(d.Refused)
	if err != nil {
		return "", err
	}
	if len(files) >= maxRefused {
		return "", fmt.Errorf("%s has %d files", d.Refused, len(files))
	}
	b, err := json.Marshal(refusal{r.Agent, r.Epoch, r.Sequence, r.Received, reason.Error(), string(r.Line)})
	if err != nil {
		return "", err
	}
	path = filepath.Join(d.Refused, fmt.Sprintf("%s-%s-%d.json", r.Agent, r.Epoch, r.Sequence))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	return path, errors.Join(err, f.Sync(), f.Close())
}
