// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/weirnet/weir/internal/sink/store"
)

// errCrash is every operation's after the machine has crashed.
var errCrash = errors.New("the machine has crashed")

// model is a folder that fails, and loses at a crash what was not synced.
type model struct {
	random *rand.Rand
	mu     sync.Mutex
	now    map[string]*modelFile // as programs see the folder
	disk   map[string]*modelFile // as it is after a crash, at least
	left   int                   // operations until the crash
	faults float64               // share of the operations that fail
	isLiar bool                  // sync does nothing
}

// modelFile is a file: all of its bytes, and how many of them are on disk.
type modelFile struct {
	data   []byte
	synced int
}

// step fails an operation at random, and all after the crash. The caller holds the lock.
func (m *model) step() error {
	if m.left--; m.left < 0 {
		return errCrash
	}
	if m.random.Float64() < m.faults {
		return []error{syscall.EIO, syscall.ENOSPC}[m.random.IntN(2)]
	}
	return nil
}

// reboot returns the folder after a crash: of what was not synced anything may be there.
func (m *model) reboot(left int, faults float64) *model {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := map[string]*modelFile{}
	for name := range maps.Keys(m.disk) {
		after[name] = m.disk[name]
	}
	for name, f := range m.now {
		if m.random.IntN(2) == 0 {
			after[name] = f
		}
	}
	for name := range after {
		if m.now[name] == nil && m.random.IntN(2) == 0 {
			delete(after, name)
		}
	}
	n := &model{random: m.random, now: map[string]*modelFile{}, left: left, faults: faults, isLiar: m.isLiar}
	for name, f := range after {
		data := bytes.Clone(f.data[:f.synced+m.random.IntN(len(f.data)-f.synced+1)])
		for i := f.synced; i < len(data); i++ {
			if m.random.IntN(50) == 0 {
				data[i] = 0 // a block that was not written
			}
		}
		n.now[name] = &modelFile{data, len(data)}
	}
	n.disk = maps.Clone(n.now)
	return n
}

func (m *model) List() (names []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.now {
		names = append(names, name)
	}
	return names, m.step()
}

func (m *model) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return nil, err
	}
	if m.now[name] != nil {
		return nil, os.ErrExist
	}
	m.now[name] = &modelFile{}
	return &handle{m, m.now[name]}, nil
}

func (m *model) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return nil, err
	}
	if m.now[name] == nil {
		return nil, os.ErrNotExist
	}
	return &handle{m, m.now[name]}, nil
}

func (m *model) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	m.now[to] = m.now[from]
	delete(m.now, from)
	return nil
}

func (m *model) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	if m.now[name] == nil {
		return os.ErrNotExist
	}
	delete(m.now, name)
	return nil
}

func (m *model) SyncFolder() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step(); err != nil {
		return err
	}
	if !m.isLiar {
		m.disk = maps.Clone(m.now)
	}
	return nil
}

type handle struct {
	m *model
	f *modelFile
}

func (h *handle) Write(b []byte) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	err := h.m.step()
	if err != nil {
		b = b[:h.m.random.IntN(len(b)+1)] // a short write, or one during which the machine crashes
	}
	h.f.data = append(h.f.data, b...)
	return len(b), err
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.step(); err != nil {
		return 0, err
	}
	if at >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) Size() (int64, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return int64(len(h.f.data)), h.m.step()
}

func (h *handle) Truncate(size int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.step(); err != nil {
		return err
	}
	h.f.data = h.f.data[:size]
	return nil
}

func (h *handle) Sync() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.step(); err != nil {
		return err
	}
	if !h.m.isLiar {
		h.f.synced = len(h.f.data)
	}
	return nil
}

func (h *handle) Close() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.step()
}

// history is a sink's lives on a folder that fails: an agent that repeats what was not acknowledged, and a store that
// takes each report once.
type history struct {
	t      *testing.T
	disk   *model
	sent   int          // reports that the agent has made
	acked  map[int]bool // reports of which a queue has said that it has them
	stored map[int]bool
	wrong  error
}

// play plays one history. The error is a report that was acknowledged and is lost, or that is another than was sent.
// With a step from 0 on there is one life, on a folder that fails only there.
func play(t *testing.T, seed uint64, isLiar bool, step int) error {
	random := rand.New(rand.NewPCG(seed, 1))
	h := &history{t: t, acked: map[int]bool{}, stored: map[int]bool{}, disk: &model{random: random,
		now: map[string]*modelFile{}, disk: map[string]*modelFile{}, isLiar: isLiar}}
	if step >= 0 {
		h.disk = h.disk.reboot(step, 0)
		h.live(random, 40)
	}
	for range 1 + random.IntN(5) {
		if step >= 0 {
			break
		}
		h.disk = h.disk.reboot(random.IntN(150), []float64{0, 0.05, 0.3}[random.IntN(3)])
		h.live(random, 40)
	}
	h.disk = h.disk.reboot(1<<30, 0)
	q, err := Open(h.config(), func(*store.Report) {})
	if err != nil {
		return fmt.Errorf("the queue does not open any more: %w", err)
	}
	defer q.Close()
	for n := 1; n <= h.sent; n++ {
		if !h.acked[n] && !h.send(q, n) {
			return fmt.Errorf("a sound queue does not take report %d", n)
		}
	}
	for h.reads(q) {
	}
	if reports, _ := q.Size(); reports != 0 {
		return fmt.Errorf("%d reports can't be read", reports)
	}
	for n := 1; n <= h.sent; n++ {
		if !h.stored[n] {
			return fmt.Errorf("report %d was acknowledged, and is lost", n)
		}
	}
	return h.wrong
}

func (h *history) config() Config {
	return Config{FS: h.disk, SegmentBytes: 600, MaxBytes: 50_000}
}

// live is one life of the sink, up to a crash or its end.
func (h *history) live(random *rand.Rand, steps int) {
	q, err := Open(h.config(), func(*store.Report) {})
	if err != nil {
		return // the next start may do better
	}
	defer q.Close()
	for range steps {
		switch random.IntN(3) {
		case 0:
			h.reads(q)
		case 1: // again, what was not acknowledged
			for n := max(1, h.sent-3); n <= h.sent; n++ {
				if !h.acked[n] {
					h.send(q, n)
				}
			}
		default:
			h.sent++
			h.send(q, h.sent)
		}
	}
}

func (h *history) send(q *Queue, n int) bool {
	if q.Append(h.t.Context(), []store.Report{testReport(n)}) != nil {
		return false
	}
	h.acked[n] = true
	return true
}

// reads moves a batch from the queue into the store.
func (h *history) reads(q *Queue) bool {
	if reports, _ := q.Size(); reports == 0 {
		return false
	}
	b, err := q.Next(h.t.Context(), 300)
	if err != nil {
		return false
	}
	for _, r := range b.Reports {
		n := int(r.Sequence)
		if want := testReport(n); !bytes.Equal(r.Line, want.Line) || n > h.sent {
			h.wrong = fmt.Errorf("report %d is read as %q", n, r.Line)
		}
		h.stored[n] = true
	}
	return q.Advance(b) == nil
}

// TestHistories: whatever fails, and whenever the machine crashes, no acknowledged report is lost or changed.
func TestHistories(t *testing.T) {
	histories := 5000
	if testing.Short() {
		histories = 500
	}
	if n, err := strconv.Atoi(os.Getenv("WEIR_HISTORIES")); err == nil {
		histories = n
	}
	first := rand.Uint64()>>1 + 1
	if n, err := strconv.ParseUint(os.Getenv("WEIR_HISTORIES_SEED"), 10, 64); err == nil {
		first = n
	}
	t.Logf("WEIR_HISTORIES_SEED=%d", first)
	for seed := first; seed < first+uint64(histories); seed++ {
		if err := play(t, seed, false, -1); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestCrashAtEveryStep: lives that end at each of their steps.
func TestCrashAtEveryStep(t *testing.T) {
	for seed := range uint64(3) {
		for step := range 200 {
			if err := play(t, seed, false, step); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
	}
}

// TestHistoriesFindLoss: a queue whose disk does not sync fails the test above.
func TestHistoriesFindLoss(t *testing.T) {
	for seed := range 300 {
		if play(t, uint64(seed), true, -1) != nil {
			return
		}
	}
	t.Error("nothing is lost on a disk that does not sync: the model is no test")
}
