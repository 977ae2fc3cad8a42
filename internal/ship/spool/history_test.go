// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/ship/compress"
)

var (
	histories = flag.Int("histories", numberOf("WEIR_HISTORIES", 2000), "random histories of TestHistories")
	firstSeed = flag.Uint64("seed", 0, "seed of the first history; 0: a random one")
)

// numberOf returns a test's size: the environment's, which scripts/soak sets, or the short form's.
func numberOf(variable string, short int) int {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		panic(fmt.Sprintf("%s=%s: must be a number from 1 on", variable, text))
	}
	return n
}

// fate is what the test knows of a report.
type fate struct {
	bodies   [][]byte // that Put got; more than one only if the spool never had the others
	accepted bool     // Put said yes
	seen     []byte   // by Oldest
	done     bool     // Done or Refuse said yes
	perhaps  bool     // Done or Refuse failed
	tellers  []Name   // reports that tell that it is lost
	// isDamaged: the disk has changed its file.
	isDamaged bool
}

// history is a spool's life on a model disk.
type history struct {
	seed    uint64
	random  *rand.Rand
	disk    *disk
	clock   time.Time
	config  Config
	spool   *Spool
	epochs  []Epoch
	reports map[Name]*fate
	log     []string
	isBad   bool // the disk has changed bits
}

func newHistory(seed uint64) *history {
	h := &history{seed: seed, random: rand.New(rand.NewPCG(seed, 0)), clock: time.Unix(1_800_000_000, 0),
		reports: map[Name]*fate{}}
	h.isBad = seed%4 == 0
	h.disk = newDisk(h.random, func() time.Time { return h.clock })
	h.config = Config{MaxBytes: int64(500 + h.random.IntN(3000)), MaxAge: time.Hour,
		Now: func() time.Time { return h.clock }}
	return h
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// failure is the panic of a history that breaks a promise.
type failure string

func (h *history) fail(format string, args ...any) {
	panic(failure(fmt.Sprintf("seed %d: %s\n%s", h.seed, fmt.Sprintf(format, args...), strings.Join(h.log, "\n"))))
}

func (h *history) fate(n Name) *fate {
	f, ok := h.reports[n]
	if !ok {
		f = &fate{}
		h.reports[n] = f
	}
	return f
}

// try reports whether an operation ended without the process's death.
func (h *history) try(operation func()) (survived bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
		}
	}()
	operation()
	return true
}

// reopen begins a new process.
func (h *history) reopen() {
	for tries := 0; ; tries++ {
		if tries == 50 {
			h.disk.fault, h.disk.crashAfter = 0, -1
		}
		var err error
		if !h.try(func() { h.spool, err = open(h.disk, h.config) }) {
			h.die()
			continue
		}
		if err == nil {
			break
		}
	}
	epoch, next := h.spool.Identity()
	h.note("open: %s next %d, %v", epoch.String()[:4], next, h.spool.stats.Error)
	if !slices.Contains(h.epochs, epoch) {
		h.epochs = append(h.epochs, epoch)
	}
}

// die ends the process, and half the time the power. A bad disk may change bits then.
func (h *history) die() {
	if h.random.IntN(2) == 0 {
		h.note("power cut")
		h.disk.cut()
	} else {
		h.note("killed")
	}
	if names := slices.Sorted(maps.Keys(h.disk.names)); h.isBad && h.random.IntN(3) == 0 && len(names) > 0 {
		h.damage(names[h.random.IntN(len(names))])
	}
}

// damage changes a file for good: it flips a bit, or cuts or lengthens the file.
func (h *history) damage(name string) {
	i := h.disk.names[name]
	b := slices.Clone(i.content)
	switch h.random.IntN(3) {
	case 0:
		if len(b) > 0 {
			b[h.random.IntN(len(b))] ^= 1 << h.random.IntN(8)
		}
	case 1:
		b = b[:h.random.IntN(len(b)+1)]
	default:
		b = append(b, 0)
	}
	h.note("damage of %s", name)
	if name == pointerName {
		// Nobody knows any more what is done, and what was lost.
		for n, f := range h.reports {
			f.perhaps, f.done = f.perhaps || f.done || !h.hasFile(n), false
		}
	} else if l, ok := parseName(name); ok && !bytes.Equal(b, i.content) {
		h.fate(Name{l.epoch, l.sequence}).isDamaged = true
	}
	i.content, i.synced = b, b
}

func (h *history) hasFile(n Name) bool {
	for name := range h.disk.names {
		if l, ok := parseName(name); ok && l.epoch == n.Epoch && l.sequence == n.Sequence {
			return true
		}
	}
	return false
}

// put puts the next report, and sometimes leaves numbers out.
func (h *history) put() bool {
	epoch, next := h.spool.Identity()
	if h.random.IntN(20) == 0 {
		next += uint64(h.random.IntN(3))
	}
	body := make([]byte, h.random.IntN(400))
	for i := range body {
		body[i] = byte(h.random.Uint32())
	}
	f := h.fate(Name{epoch, next})
	if f.seen != nil || f.accepted {
		h.fail("the number %d is given away twice", next)
	}
	f.bodies = append(f.bodies, body)
	h.note("put %d (%d bytes)", next, len(body))
	if err := h.spool.Put(next, body, compress.Encoding(h.random.IntN(3))); err != nil {
		h.note("  %v", err)
		if !covers(h.spool.Lost(), Name{epoch, next}) {
			h.fail("report %d failed and is not lost", next)
		}
		return false
	}
	f.accepted = true
	h.bounds()
	return true
}

// bounds checks the limits of the spool.
func (h *history) bounds() {
	size := 0
	for name, i := range h.disk.names {
		if strings.HasSuffix(name, segmentSuffix) && !strings.Contains(name, "/") {
			size += len(i.content)
		}
	}
	// What could not be removed, and what the spool no longer knows, is only there on a disk with faults.
	if h.disk.fault == 0 && !h.disk.readOnly && len(h.spool.leftover) == 0 && h.spool.stats.Error == "" && !h.isBad &&
		h.spool.bytes > h.config.MaxBytes {
		h.fail("%d bytes in the queue, %d on disk, want %d at most", h.spool.bytes, size, h.config.MaxBytes)
	}
}

func covers(all []Range, n Name) bool {
	return slices.ContainsFunc(all, func(r Range) bool {
		return r.Epoch == n.Epoch && r.First <= n.Sequence && n.Sequence <= r.Last
	})
}

// tell puts a report that tells of the lost ones.
func (h *history) tell() {
	all := h.spool.Lost()
	epoch, _ := h.spool.Identity()
	if !h.put() {
		return
	}
	teller := Name{epoch, h.spool.newest.sequence}
	h.note("%d tells %v", teller.Sequence, all)
	for _, r := range all {
		for n := r.First; n <= r.Last; n++ { // those that Put never saw, too
			f := h.fate(Name{r.Epoch, n})
			f.tellers = append(f.tellers, teller)
		}
	}
	_ = h.spool.Told(all)
}

// isTold reports whether the sink knows, or may know, that a report is lost.
func (h *history) isTold(f *fate) bool {
	return slices.ContainsFunc(f.tellers, func(n Name) bool { return h.fate(n).done || h.fate(n).perhaps })
}

// oldest checks the reports that the spool would send.
func (h *history) oldest(count int) []Report {
	all, err := h.spool.Oldest(count, 1+h.random.IntN(2000))
	if err != nil {
		h.note("oldest: %v", err)
		return nil
	}
	for i, r := range all {
		f := h.fate(r.Name)
		if i > 0 && !h.before(all[i-1].Name, r.Name) {
			h.fail("%d is sent after %d", r.Sequence, all[i-1].Sequence)
		}
		switch {
		case f.isDamaged:
			h.fail("report %d is sent although it is damaged", r.Sequence)
		case f.done:
			h.fail("report %d is sent again", r.Sequence)
		case f.seen != nil && !bytes.Equal(f.seen, r.Body):
			h.fail("report %d has changed", r.Sequence)
		case !slices.ContainsFunc(f.bodies, func(b []byte) bool { return bytes.Equal(b, r.Body) }):
			h.fail("report %d has bytes that nobody put", r.Sequence)
		case f.accepted && !bytes.Equal(f.bodies[len(f.bodies)-1], r.Body):
			h.fail("report %d is an older one", r.Sequence)
		}
		f.seen = append([]byte{}, r.Body...)
	}
	return all
}

func (h *history) before(a, b Name) bool {
	if a.Epoch == b.Epoch {
		return a.Sequence < b.Sequence
	}
	return slices.Index(h.epochs, a.Epoch) < slices.Index(h.epochs, b.Epoch)
}

// send sends some of the oldest reports.
func (h *history) send() {
	all := h.oldest(1 + h.random.IntN(5))
	if len(all) == 0 {
		return
	}
	all = all[:1+h.random.IntN(len(all))]
	names := make([]Name, len(all))
	for i, r := range all {
		names[i] = r.Name
		h.fate(r.Name).perhaps = true // also if the process dies
	}
	for range h.random.IntN(3) {
		h.put() // while they are sent, so that some may be dropped
	}
	var err error
	if h.random.IntN(8) == 0 {
		h.note("refuse %d", names[0].Sequence)
		names = names[:1]
		err = h.spool.Refuse(names[0], "no")
	} else {
		h.note("done %v", names)
		err = h.spool.Done(names...)
	}
	if errors.Is(err, ErrOrder) {
		h.fail("%v", err)
	}
	for _, n := range names {
		h.fate(n).done = err == nil
	}
	if err != nil {
		h.note("  %v", err)
	}
}

// act does one thing.
func (h *history) act() {
	switch n := h.random.IntN(100); {
	case n < 50:
		h.put()
	case n < 80:
		h.send()
	case n < 84:
		h.tell()
	case n < 88:
		h.clock = h.clock.Add(time.Duration(h.random.IntN(40)) * time.Minute)
	case n < 90: // a step of the clock that people set
		h.clock = h.clock.Add(time.Duration(h.random.IntN(3)-1) * 40 * 365 * 24 * time.Hour)
		h.config.Now = func() time.Time { return h.clock }
	case n < 93:
		h.disk.fault = []float64{0, 0.02, 0.2, 1}[h.random.IntN(4)]
	case n < 95:
		h.disk.capacity = []int{0, h.disk.used() + h.random.IntN(500)}[h.random.IntN(2)]
		h.note("capacity %d", h.disk.capacity)
	case n < 96:
		h.disk.readOnly = !h.disk.readOnly
		h.note("read-only %t", h.disk.readOnly)
	case n < 98:
		h.disk.crashAfter = 1 + h.random.IntN(30)
	default:
		panic(crash{})
	}
}

// finish lets the disk recover, and requires that everything is sent or told as lost.
func (h *history) finish() {
	d := h.disk
	d.fault, d.capacity, d.readOnly, d.crashAfter = 0, 0, false, -1
	if h.random.IntN(2) == 0 { // the spool recovers by itself, or at the next start
		h.reopen()
	}
	h.put()
	if f := h.reports[Name{h.spool.pointer.epoch, h.spool.pointer.next - 1}]; !f.accepted {
		h.fail("the spool does not recover")
	}
	for h.spool.Stats().Reports > 0 {
		all := h.oldest(100)
		if len(all) == 0 {
			h.fail("%d reports are stuck", h.spool.Stats().Reports)
		}
		for _, r := range all {
			if err := h.spool.Done(r.Name); err != nil {
				h.fail("done: %v", err)
			}
			h.fate(r.Name).done = true
		}
	}
	for n, f := range h.reports {
		if f.accepted && !f.done && !f.perhaps && !covers(h.spool.Lost(), n) && !h.isTold(f) {
			h.fail("report %d of %s is missing, lost: %v", n.Sequence, n.Epoch.String()[:4], h.spool.Lost())
		}
		if f.accepted && f.done && !f.isDamaged && covers(h.spool.Lost(), n) {
			h.fail("report %d of %s is done and lost: %v", n.Sequence, n.Epoch.String()[:4], h.spool.Lost())
		}
	}
	h.numbers()
	if s := h.spool.Stats(); !h.isBad && s.Damaged > 0 {
		h.fail("damage on a disk without: %+v", s)
	}
	h.spool = nil
	h.reopen()
	if left := h.spool.Stats().Reports; left > 0 {
		h.fail("%d reports are back", left)
	}
}

// numbers requires of each number that was given away that there was a report or that it is lost: the sink must not see
// a gap that nobody explains.
func (h *history) numbers() {
	epoch, next := h.spool.Identity()
	for n := uint64(1); n < next && !h.isBad; n++ {
		name := Name{epoch, n}
		if f := h.fate(name); f.seen == nil && !f.done && !f.perhaps && !covers(h.spool.Lost(), name) && !h.isTold(f) {
			h.fail("number %d of %s is of no report, and not lost: %v", n, epoch.String()[:4], h.spool.Lost())
		}
	}
}

// run lives for a number of acts, after the first ones.
func (h *history) run(length int, first ...func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				fmt.Println(h.seed, strings.Join(h.log, "\n"))
				panic(r)
			}
			err = errors.New(string(f))
		}
	}()
	h.reopen()
	for _, f := range first {
		f()
	}
	for range length {
		if !h.try(h.act) {
			h.die()
			h.reopen()
		}
	}
	h.finish()
	return nil
}

// TestCrashAtEveryStep: one life, which ends at each of its steps.
func TestCrashAtEveryStep(t *testing.T) {
	for seed := range uint64(3) {
		for step := 1; ; step++ {
			h := newHistory(4*seed + 1)
			h.config.MaxBytes = 1500
			isOver := false
			err := h.run(0, func() {
				h.disk.crashAfter = step
				isOver = h.try(func() {
					for range 8 {
						h.put()
						h.put()
						h.send()
					}
				})
				if !isOver {
					h.die()
					h.reopen()
				}
			})
			if err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			if isOver {
				if step < 60 {
					t.Errorf("a life of %d steps", step)
				}
				break
			}
		}
	}
}

// TestHistories: what Put said yes to is there after any crash, in order, undamaged, once, until it is done or told as
// lost; whatever failed before, the spool recovers.
func TestHistories(t *testing.T) {
	seed := *firstSeed
	if seed == 0 {
		seed = rand.Uint64()>>1 + 1
	}
	t.Logf("seeds from %d", seed)
	for i := range uint64(*histories) {
		if err := newHistory(seed + i).run(60); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHistoriesFindLoss: a spool whose disk does not sync, contents or names, fails the test above.
func TestHistoriesFindLoss(t *testing.T) {
	for name, lie := range map[string]func(*disk){
		"contents": func(d *disk) { d.isLiarOfFiles = true },
		"names":    func(d *disk) { d.isLiarOfNames = true },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(300) {
				h := newHistory(4*seed + 1)
				lie(h.disk)
				if err := h.run(60); err != nil {
					return
				}
			}
			t.Error("nothing is lost: the model is no test")
		})
	}
}
