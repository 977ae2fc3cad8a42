// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
)

// fakeStore refuses, and fails, as it is told.
type fakeStore struct {
	mu      sync.Mutex
	down    bool
	refuses uint64 // the sequence that it refuses for good
	breaks  uint64 // the sequence on which it fails
	tries   int
	stored  []uint64
}

func (s *fakeStore) Ingest(_ context.Context, reports []store.Report) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.down {
		return nil, errors.New("down")
	}
	for i, r := range reports {
		if r.Sequence == s.refuses {
			return nil, &store.RefusedError{Index: i, Err: errors.New("no report")}
		}
		if r.Sequence == s.breaks {
			return nil, errors.New("broken")
		}
	}
	for _, r := range reports {
		if !slices.Contains(s.stored, r.Sequence) {
			s.stored = append(s.stored, r.Sequence)
		}
	}
	return []string{reports[0].Agent}, nil
}

// drained runs a drain of ten reports until the queue is empty.
func drained(t *testing.T, s *fakeStore, meanwhile func()) (*status.Counters, string) {
	t.Helper()
	folder := t.TempDir()
	c := &status.Counters{}
	synctest.Test(t, func(t *testing.T) {
		q, err := Open(Config{Folder: folder, SegmentBytes: 500}, func(*store.Report) {})
		if err != nil {
			t.Fatal(err)
		}
		appendReports(t, q, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
		var unknown []string
		d := &Drain{Queue: q, Store: s, Refused: filepath.Join(folder, "refused"), Counters: c,
			Unknown: func(agents []string) { unknown = append(unknown, agents...) }, Log: func(string, ...any) {}}
		ended := make(chan struct{})
		go func() {
			d.Run(t.Context())
			close(ended)
		}()
		if meanwhile != nil {
			meanwhile()
		}
		time.Sleep(3 * maxFails * lastPause)
		synctest.Wait()
		if reports, _ := q.Size(); reports != 0 {
			t.Errorf("%d reports are left", reports)
		}
		q.Close()
		<-ended
		if len(unknown) == 0 {
			t.Error("nobody heard of the unknown agent")
		}
	})
	return c, filepath.Join(folder, "refused")
}

// TestDrainWaits: a store that is down is tried again, at growing pauses, and gets all of it.
func TestDrainWaits(t *testing.T) {
	s := &fakeStore{down: true}
	c, _ := drained(t, s, func() {
		time.Sleep(time.Hour)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.tries < 100 || s.tries > 3000 {
			t.Errorf("%d tries in an hour", s.tries)
		}
		s.down = false
	})
	if len(s.stored) != 10 || c.Stored.Load() != 10 || c.StoreFails.Load() == 0 || c.Refused(status.CauseStore) != 0 {
		t.Errorf("stored %v, %+v", s.stored, c.Snapshot())
	}
}

// TestDrainSetsAside: a report that the store refuses, or on which it fails while it takes others, is kept apart and
// counted; all others are stored.
func TestDrainSetsAside(t *testing.T) {
	for name, s := range map[string]*fakeStore{"refused": {refuses: 4}, "broken": {breaks: 4}} {
		c, folder := drained(t, s, nil)
		if len(s.stored) != 9 || slices.Contains(s.stored, 4) || c.Refused(status.CauseStore) != 1 {
			t.Errorf("%s: stored %v, %+v", name, s.stored, c.Snapshot())
		}
		files, _ := filepath.Glob(filepath.Join(folder, "*.json"))
		if len(files) != 1 {
			t.Fatalf("%s: kept %v", name, files)
		}
		b, err := os.ReadFile(files[0])
		var kept refusal
		if err != nil || json.Unmarshal(b, &kept) != nil || kept.Sequence != 4 || kept.Reason == "" ||
			kept.Report != string(testReport(4).Line) {
			t.Errorf("%s: %v %s", name, err, b)
		}
	}
}

// TestDrainAlone: a report on which the store fails is not set aside while the store may be what fails, and does not
// keep later ones from the store.
func TestDrainAlone(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q, err := Open(Config{Folder: folder}, func(*store.Report) {})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		s := &fakeStore{breaks: 1}
		c := &status.Counters{}
		d := &Drain{Queue: q, Store: s, Refused: filepath.Join(folder, "refused"), Counters: c,
			Log: func(string, ...any) {}}
		go d.Run(t.Context())
		appendReports(t, q, 1)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if c.Refused(status.CauseStore) != 0 {
			t.Error("set aside by a store that takes nothing")
		}
		appendReports(t, q, 2)
		time.Sleep(2 * lastPause)
		synctest.Wait()
		if !slices.Contains(s.stored, 2) {
			t.Error("it holds the next one up")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if c.Refused(status.CauseStore) != 1 {
			t.Error("it is tried for ever")
		}
		appendReports(t, q, 3)
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(s.stored, []uint64{2, 3}) {
			t.Errorf("stored %v", s.stored)
		}
	})
}
