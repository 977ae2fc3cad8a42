// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// memoryStore is a store that survives ship, as a disk does.
type memoryStore struct {
	mu       sync.Mutex
	identity Identity
	stored   []uint64
	lines    map[uint64]string
	told     []Range
	untold   []Range
	again    []uint64                    // that came twice
	before   func(sequence uint64) error // called before each Put; an error loses the report
	after    func(sequence uint64)
}

func newMemoryStore() *memoryStore {
	return &memoryStore{identity: Identity{ID{1}, ID{2}, 1}, lines: map[uint64]string{}}
}

func (m *memoryStore) Identity() Identity {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.identity
}

func (m *memoryStore) Put(sequence uint64, line []byte, told []Range) error {
	if m.before != nil {
		if err := m.before(sequence); err != nil {
			m.mu.Lock()
			m.identity.Next = sequence + 1
			m.untold = append(m.untold, Range{m.identity.Epoch, sequence, sequence, 1})
			m.mu.Unlock()
			return err
		}
	}
	if m.after != nil {
		defer m.after(sequence)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if sequence < m.identity.Next {
		m.again = append(m.again, sequence)
		return errors.New("the sequence is not the next")
	}
	m.identity.Next = sequence + 1
	m.stored = append(m.stored, sequence)
	m.lines[sequence] = string(line)
	m.told = append(m.told, told...)
	m.untold = without(m.untold, told)
	return nil
}

func (m *memoryStore) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return State{Next: m.identity.Next, Queued: uint64(len(m.stored)), Untold: slices.Clone(m.untold)}
}

// pair is both sides, and the copies of the sockets that the helper keeps.
type pair struct {
	t      *testing.T
	store  *memoryStore
	sender *Sender
	theirs *os.File
	stop   func() // kills ship
	ended  chan struct{}
	ship   *receiver
}

func duplicate(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func newPair(t *testing.T) *pair {
	t.Helper()
	return newPairOf(t, newMemoryStore())
}

func newPairOf(t *testing.T, store *memoryStore) *pair {
	t.Helper()
	ours, theirs, err := NewSocketPair()
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t, store: store, theirs: theirs}
	if p.sender, err = NewSender(duplicate(t, ours)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.stop != nil {
			p.kill()
		}
		p.sender.Close()
		ours.Close()
		theirs.Close()
	})
	return p
}

// start starts a ship.
func (p *pair) start() {
	p.t.Helper()
	conn, err := takeSocket(duplicate(p.t, p.theirs))
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.ship = &receiver{conn: conn, store: p.store, log: p.t.Logf}
	p.ended = make(chan struct{})
	go func(ship *receiver, ended chan struct{}) {
		defer close(ended)
		defer conn.Close()
		if err := ship.run(ctx); err != nil {
			p.t.Error(err)
		}
	}(p.ship, p.ended)
	p.stop = cancel
}

// finish is a ship that begins when the confined process has ended.
func (p *pair) finish() {
	p.t.Helper()
	conn, err := takeSocket(duplicate(p.t, p.theirs))
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	last := &receiver{conn: conn, store: p.store, log: p.t.Logf}
	last.isLast.Store(true)
	if err := last.run(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends ship between two reports.
func (p *pair) kill() {
	p.stop()
	<-p.ended
	p.stop = nil
}

func lineOf(n uint64) string { return fmt.Sprintf(`{"type":"report","sequence":%d}`+"\n", n) }

// send makes the next report.
func (p *pair) send() Identity {
	p.t.Helper()
	of, ok := p.sender.Identity()
	if !ok {
		p.t.Fatal("ship has not said hello")
	}
	h := p.sender.Health()
	p.sender.Send(of, &h, []byte(lineOf(of.Next)))
	return of
}

func (p *pair) awaitHello() {
	p.t.Helper()
	if !p.sender.AwaitIdentity(wait.Limit, p.sender.Pump) {
		p.t.Fatal("no hello came")
	}
}

func (p *pair) drain() {
	p.t.Helper()
	if !p.sender.Drain(wait.Limit, p.sender.Pump) {
		p.t.Fatalf("%d reports are not stored", p.sender.Waiting())
	}
}

// check compares what is stored with the sequences from 1 on, without the missing ones.
func (p *pair) check(last uint64, missing ...uint64) {
	p.t.Helper()
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	var absent []uint64
	for n := uint64(1); n <= last; n++ {
		if !slices.Contains(p.store.stored, n) {
			absent = append(absent, n)
		}
	}
	if n := len(p.store.stored); !slices.Equal(absent, missing) || n != int(last)-len(missing) ||
		!slices.IsSorted(p.store.stored) || len(p.store.again) > 0 {
		p.t.Errorf("%d of %d reports are stored, %v again, and not %v; only %v should be absent", n, last,
			p.store.again, absent, missing)
	}
	for n, line := range p.store.lines {
		if line != lineOf(n) {
			p.t.Errorf("report %d is %q", n, line)
		}
	}
}

func TestPair(t *testing.T) {
	p := newPair(t)
	if _, ok := p.sender.Identity(); ok {
		t.Error("an identity without a ship")
	}
	p.start()
	p.awaitHello()
	if of := p.send(); of != (Identity{ID{1}, ID{2}, 1}) {
		t.Errorf("%+v", of)
	}
	p.send()
	p.drain()
	p.check(2)
	if p.sender.WantsWhole() {
		t.Error("whole flows are wanted")
	}
	p.ship.wantWhole()
	wait.Until(t, "whole flows are wanted", p.sender.WantsWhole)
	if p.sender.WantsWhole() {
		t.Error("whole flows are wanted twice")
	}
	wait.Until(t, "the state has come", func() bool { return p.sender.Health().Queued == 2 })
}

// TestPairKilled: ships that are killed at any moment, and others that have received a report and could not store it,
// lose none.
func TestPairKilled(t *testing.T) {
	p := newPair(t)
	random := rand.New(rand.NewPCG(1, 2))
	p.start()
	p.awaitHello()
	last, vain := uint64(0), 0
	for range 200 {
		for range random.IntN(4) {
			last = p.send().Next
		}
		p.kill() // at whatever report it is
		for range random.IntN(4) {
			last = p.send().Next
		}
		for range random.IntN(3) {
			if _, fd, err := receiveNow(p.theirs); err == nil {
				unix.Close(fd)
				vain++
			}
		}
		p.start()
		if p.sender.Waiting() > 1 {
			p.drain()
		}
	}
	p.drain()
	p.check(last)
	if last < 300 || vain < 100 {
		t.Errorf("%d reports, %d read in vain", last, vain)
	}
}

// TestBothAreKilled: a report that ship has read and not stored, or stored and not confirmed, outlives it and the
// confined process.
func TestBothAreKilled(t *testing.T) {
	store := newMemoryStore()
	random := rand.New(rand.NewPCG(3, 4))
	last := uint64(0)
	for range 200 {
		p := newPairOf(t, store)
		victim := last + 1 + random.Uint64N(maxWaiting)
		die := func(sequence uint64) {
			if sequence == victim {
				runtime.Goexit()
			}
		}
		if random.IntN(2) == 0 {
			store.before = func(sequence uint64) error { die(sequence); return nil }
		} else {
			store.after = die
		}
		p.start()
		p.awaitHello()
		for range maxWaiting {
			last = p.send().Next
		}
		p.kill()
		p.sender.Close()
		store.before, store.after = nil, nil
		p.finish()
	}
	newPairOf(t, store).check(last)
}

// TestDiscard: the report that ends every ship is taken out of the socket, for good when others are due.
func TestDiscard(t *testing.T) {
	p := newPair(t)
	p.start()
	p.awaitHello()
	p.kill()
	for range 3 {
		p.send()
	}
	p.sender.Close()
	if !Discard(p.theirs) {
		t.Error("no report is discarded")
	}
	p.finish()
	p.check(3, 1)
	if Discard(p.theirs) {
		t.Error("a report is discarded that is not there")
	}
}

// TestReset: what the confined process sent before it died is stored, although it left messages of ship unread.
func TestReset(t *testing.T) {
	p := newPair(t)
	ours, theirs, err := NewSocketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	conn, err := takeSocket(duplicate(t, ours))
	if err != nil {
		t.Fatal(err)
	}
	p.theirs = theirs
	isDead := make(chan struct{})
	p.store.before = func(uint64) error { <-isDead; return nil }
	p.start()
	if _, _, err := peek(conn, make([]byte, maxMessage), nil); err != nil { // the hello
		t.Fatal(err)
	}
	for n := range uint64(3) {
		file, err := seal([]byte(lineOf(n + 1)))
		if err != nil {
			t.Fatal(err)
		}
		head := &reportHead{epoch: ID{2}, sequence: n + 1, previous: n, size: uint32(len(lineOf(n + 1)))}
		err = send(conn, appendReport(nil, head), int(file.Fd()))
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(conn.Close(), ours.Close()); err != nil {
		t.Fatal(err)
	}
	close(isDead)
	<-p.ended
	p.check(3)
}

// receiveNow reads a message, if there is one.
func receiveNow(f *os.File) (message []byte, fd int, err error) {
	buffer, control := make([]byte, maxMessage), make([]byte, controlSize)
	n, controlLength, _, _, err := unix.Recvmsg(int(f.Fd()), buffer, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, -1, err
	}
	return buffer[:n], takeDescriptor(control[:controlLength]), nil
}

// TestPairOverflow: without a ship a bounded number of reports is in the socket, and as many wait. The oldest of the
// others fall out, which is counted; then the flows have to be whole again.
func TestPairOverflow(t *testing.T) {
	p := newPair(t)
	p.start()
	p.awaitHello()
	p.send()
	p.drain()
	p.kill()
	for range maxWaiting + 3 {
		p.send()
	}
	if !p.sender.WantsWhole() {
		t.Error("whole flows are not wanted")
	}
	for range maxWaiting + 2 {
		p.send()
	}
	if n := p.sender.dropped.Load(); n != 5 || p.sender.Waiting() != maxWaiting || !p.sender.WantsWhole() {
		t.Errorf("%d reports dropped, %d wait", n, p.sender.Waiting())
	}
	p.start()
	p.drain()
	// The first ones were in the socket, the last ones waited.
	p.check(1+2*maxWaiting+5, 10, 11, 12, 13, 14)
}

// TestPairEnd: at the end ship stores all that has come, even if a report before it is missing.
func TestPairEnd(t *testing.T) {
	p := newPair(t)
	p.start()
	p.awaitHello()
	p.kill()
	for range 3 {
		p.send()
	}
	_, fd, err := receiveNow(p.theirs) // another ship could not read the first
	if err != nil || fd < 0 {
		t.Fatal(fd, err)
	}
	unix.Close(fd)
	p.sender.Close()
	p.finish()
	p.check(3, 1)
}

// TestPairDisk: a report that the disk does not take is not sent again, is told of, and makes the flows whole.
func TestPairDisk(t *testing.T) {
	p := newPair(t)
	p.store.before = func(sequence uint64) error {
		if sequence == 2 {
			return errors.New("disk full")
		}
		return nil
	}
	p.start()
	p.awaitHello()
	p.send()
	p.send()
	wait.Until(t, "whole flows are wanted", p.sender.WantsWhole)
	wait.Until(t, "the loss is known", func() bool { return len(p.sender.Health().Lost) == 1 })
	p.send()
	p.drain()
	p.check(3, 2)
	wait.Until(t, "the loss is told", func() bool { return len(p.sender.Health().Lost) == 0 })
	if want := []Range{{ID{2}, 2, 2, 1}}; !slices.Equal(p.store.told, want) {
		t.Errorf("told %v, not %v", p.store.told, want)
	}
}

// TestPairEpoch: a spool that began anew does not take reports of another epoch, which are told of.
func TestPairEpoch(t *testing.T) {
	p := newPair(t)
	p.start()
	p.awaitHello()
	p.send()
	p.drain()
	p.kill()
	p.send()
	p.send()
	p.store.mu.Lock()
	p.store.identity, p.store.stored, p.store.lines = Identity{ID{1}, ID{3}, 1}, nil, map[uint64]string{}
	p.store.mu.Unlock()
	p.start()
	wait.Until(t, "the new epoch is known", func() bool {
		of, _ := p.sender.Identity()
		return of.Epoch == ID{3}
	})
	if lost := p.sender.Health().Lost; !slices.Equal(lost, []Range{{ID{2}, 2, 3, 2}}) || !p.sender.WantsWhole() {
		t.Errorf("lost %v", lost)
	}
	p.send()
	p.drain()
	p.check(1)
	if lost := p.sender.Health().Lost; len(lost) > 0 {
		t.Errorf("still told: %v", lost)
	}
}

// TestReceiverRefuses: what no sound confined process sends is refused, and ship goes on.
func TestReceiverRefuses(t *testing.T) {
	p := newPair(t)
	p.start()
	p.awaitHello()
	line := []byte(lineOf(1))
	sealed := func() int {
		f, err := seal(line)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return duplicate(t, f)
	}
	open, err := unix.MemfdCreate("open", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(open, line); err != nil {
		t.Fatal(err)
	}
	head := &reportHead{epoch: ID{2}, sequence: 1, size: uint32(len(line))}
	long := *head
	long.size++
	for _, c := range []struct {
		message []byte
		fd      int
	}{
		{appendReport(nil, head), -1},
		{appendReport(nil, head), open},
		{appendReport(nil, &long), sealed()},
		{bytes.Repeat([]byte{1}, 4*maxMessage), sealed()},
		{[]byte{1}, -1},
		{appendHello(nil, Identity{Next: 1}), sealed()},
	} {
		if err := send(p.sender.conn, c.message, c.fd); err != nil {
			t.Fatal(err)
		}
		if c.fd >= 0 {
			unix.Close(c.fd)
		}
	}
	p.send()
	p.drain()
	p.check(1)
}

// TestLargeReports: a report of the largest size passes, and few of them wait.
func TestLargeReports(t *testing.T) {
	p := newPair(t)
	p.start()
	p.awaitHello()
	of, _ := p.sender.Identity()
	h := p.sender.Health()
	line := strings.Repeat("x", maxLine)
	p.sender.Send(of, &h, []byte(line))
	p.drain()
	p.kill()
	if p.store.lines[1] != line {
		t.Errorf("%d bytes are stored", len(p.store.lines[1]))
	}
	for range 4 {
		of.Next++
		p.sender.Send(of, &h, []byte(line))
	}
	if p.sender.Waiting() != 2 {
		t.Errorf("%d reports wait", p.sender.Waiting())
	}
}

// FuzzReceiver: whatever messages come with whatever file, ship stores each sequence once, in order.
func FuzzReceiver(f *testing.F) {
	line := []byte(lineOf(1))
	for _, message := range samples() {
		f.Add(message, message, true)
	}
	for n := range uint64(3) {
		f.Add(appendReport(nil, &reportHead{epoch: ID{2}, sequence: n + 1, previous: n, size: uint32(len(line))}),
			appendReport(nil, &reportHead{epoch: ID{2}, sequence: n + 2, size: uint32(len(line))}), n != 2)
	}
	f.Fuzz(func(t *testing.T, one, two []byte, isSealed bool) {
		ours, theirs, err := NewSocketPair()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		defer theirs.Close()
		conn, err := takeSocket(duplicate(t, theirs))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		store := newMemoryStore()
		r := &receiver{conn: conn, store: store, log: t.Logf}
		file, err := seal(line)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for _, message := range [][]byte{one, two, one} {
			fd := -1
			if isSealed {
				fd = duplicate(t, file)
			}
			_ = r.take(message, fd)
		}
		for i, n := range store.stored {
			if n == 0 || i > 0 && n <= store.stored[i-1] || store.lines[n] != string(line) || !isSealed {
				t.Errorf("stored %v", store.stored)
			}
		}
	})
}
