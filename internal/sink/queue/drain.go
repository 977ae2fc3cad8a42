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
	"slices"
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

	// Of the reports since the last Advance, while the store fails:
	done     map[reportID]bool     // stored or set aside
	suspects map[reportID]*suspect // the others, each of which was tried alone
	stored   int                   // reports that were stored alone
	isBehind bool                  // the queue's place could not be written, and that was logged
}

// reportID names a report.
type reportID struct {
	agent, epoch string
	sequence     uint64
}

func idOf(r *store.Report) reportID { return reportID{r.Agent, r.Epoch, r.Sequence} }

// suspect is a report on which the store failed.
type suspect struct {
	fails  int
	stored int // Drain.stored at the first time
}

const (
	// batchBytes is the size of a transaction: large enough for the engine, small enough to try again.
	batchBytes = 8 << 20
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
	// manyFails of a batch lead to its reports being tried one by one.
	manyFails = 5
	// maxFails of a report alone are too many if the store took another one meanwhile.
	maxFails = 20
	// maxRefused bounds the files in the folder of refused reports.
	maxRefused = 1000
)

// Run drains until the context or the queue ends.
func (d *Drain) Run(ctx context.Context) {
	for {
		b, err := d.read(ctx)
		if err == nil {
			err = d.store(ctx, b.Reports)
		}
		if errors.Is(err, errAgain) {
			continue // with what came meanwhile
		}
		if err != nil {
			return
		}
		if err := d.Queue.Advance(b); err != nil && !d.isBehind {
			d.Log("%v; a restart reads some reports again", err)
			d.isBehind = true
		} else if err == nil {
			d.isBehind = false
		}
		d.done, d.suspects, d.stored = nil, nil, 0
		d.Counters.Damaged.Add(uint64(b.Damaged))
		if d.Stored != nil {
			d.Stored()
		}
	}
}

// read returns the next batch. A segment that can't be read for long is set aside.
func (d *Drain) read(ctx context.Context) (*Batch, error) {
	for fails := 0; ; {
		b, err := d.Queue.Next(ctx, batchBytes)
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return b, err
		}
		if fails == 0 {
			d.Log("%v; it is tried again", err)
		}
		if fails++; fails == maxFails {
			d.Log("%d reports of the queue can't be read; their file is kept as .damaged", d.Queue.SetAside())
			fails = 0
		}
		if err := pause(ctx, fails); err != nil {
			return nil, err
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

// errAgain: the batch is to be read again.
var errAgain = errors.New("again")

// store hands reports to the store until it has taken them. A report that it refuses for good is set aside.
func (d *Drain) store(ctx context.Context, reports []store.Report) error {
	for fails := 0; ; {
		reports = slices.DeleteFunc(reports, func(r store.Report) bool { return d.done[idOf(&r)] })
		if len(reports) == 0 {
			return nil
		}
		if len(d.suspects) > 0 || fails == manyFails {
			return d.oneByOne(ctx, reports)
		}
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
			continue
		}
		if fails == 0 {
			d.Log("the store failed: %v; reports wait in the queue", err)
		}
		fails++
		if err := pause(ctx, fails); err != nil {
			return err
		}
	}
}

// oneByOne looks for a report on which the store fails while it takes others, and sets it aside. A store that takes
// nothing, as on a full disk, leaves all of them waiting. It returns errAgain while some do.
func (d *Drain) oneByOne(ctx context.Context, reports []store.Report) error {
	most := 0
	for i := range reports {
		r := &reports[i]
		err := d.ingest(ctx, reports[i:i+1])
		var refused *store.RefusedError
		switch {
		case err == nil:
			d.stored++
			d.finish(r)
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused):
			d.setAside(r, refused.Err)
			continue
		}
		s := d.suspects[idOf(r)]
		if s == nil {
			if d.suspects == nil {
				d.suspects = map[reportID]*suspect{}
			}
			s = &suspect{stored: d.stored}
			d.suspects[idOf(r)] = s
		}
		if s.fails++; s.fails >= maxFails && d.stored > s.stored {
			d.setAside(r, err)
			continue
		}
		most = max(most, s.fails)
	}
	if most == 0 {
		d.Log("the store takes reports again")
		return nil
	}
	if err := pause(ctx, most); err != nil {
		return err
	}
	return errAgain
}

// finish notes that a report is stored or set aside.
func (d *Drain) finish(r *store.Report) {
	if d.done == nil {
		d.done = map[reportID]bool{}
	}
	d.done[idOf(r)] = true
	delete(d.suspects, idOf(r))
}

func (d *Drain) ingest(ctx context.Context, reports []store.Report) error {
	begin := time.Now()
	unknown, err := d.Store.Ingest(ctx, reports)
	d.Counters.Storing.Add(time.Since(begin))
	if err != nil {
		var refused *store.RefusedError
		if !errors.As(err, &refused) {
			d.Counters.StoreFails.Add(1)
		}
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
	d.finish(r)
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
