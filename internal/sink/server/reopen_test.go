// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// brokenStore takes nothing once it is broken, whatever is done, as an engine that has met a fatal error.
type brokenStore struct {
	store.Store
	broken, closed bool
	refuses        bool
	taken          int
}

func (s *brokenStore) Ingest(context.Context, []store.Report) ([]string, error) {
	switch {
	case s.closed:
		return nil, errors.New("used after Close")
	case s.refuses:
		return nil, &store.RefusedError{Err: errors.New("no report")}
	case s.broken:
		return nil, errors.New("invalidated")
	}
	s.taken++
	return nil, nil
}

func (s *brokenStore) Agents(context.Context) ([]store.Agent, error) {
	if s.closed {
		return nil, errors.New("used after Close")
	}
	return nil, nil
}

func (s *brokenStore) Close() error {
	s.closed = true
	return nil
}

// TestReopen: a store that fails for a minute is opened again, also if that fails at first; one that refuses reports,
// or fails now and then, is not.
func TestReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened []*brokenStore
		var fails error
		r, err := newReopening(func() (store.Store, error) {
			if fails != nil {
				return nil, fails
			}
			opened = append(opened, &brokenStore{})
			return opened[len(opened)-1], nil
		}, t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		ingest := func() error {
			_, err := r.Ingest(t.Context(), nil)
			return err
		}
		for range 200 { // a failure now and then
			opened[0].broken = !opened[0].broken
			_ = ingest()
			time.Sleep(40 * time.Second)
		}
		opened[0].broken, opened[0].refuses = true, true
		for range 10 {
			_ = ingest()
			time.Sleep(40 * time.Second)
		}
		if len(opened) != 1 {
			t.Fatal("opened again without need")
		}
		opened[0].refuses, fails = false, errors.New("disk full")
		for range 3 {
			if ingest() == nil {
				t.Error("a broken store takes reports")
			}
			time.Sleep(reopenAfter)
		}
		if _, err := r.Agents(t.Context()); !errors.Is(err, errClosed) || !opened[0].closed {
			t.Errorf("while it can't be opened: %v", err)
		}
		fails = nil
		for range 3 {
			_ = ingest()
			time.Sleep(reopenAfter)
		}
		if err := ingest(); err != nil || len(opened) != 2 || opened[1].taken == 0 {
			t.Errorf("%v, opened %d times", err, len(opened))
		}
		if err := r.Close(); err != nil || !opened[1].closed || r.Close() != nil {
			t.Errorf("close: %v", err)
		}
	})
}
