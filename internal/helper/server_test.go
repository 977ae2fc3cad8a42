// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// backend records its calls, and checks the server's promises.
type backend struct {
	mu       sync.Mutex
	calls    []string
	err      error
	payload  []byte
	fds      func() []int
	panics   bool
	watching map[uint32]bool
}

func (b *backend) called(format string, args ...any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, fmt.Sprintf(format, args...))
	if b.panics {
		panic("backend's bug")
	}
	return b.err
}

func (b *backend) Watch(l Link) ([]int, []byte, error) {
	err := b.called("watch %d %s %v", l.Index, l.Name, l.Promiscuous)
	if l.Index == 0 || checkName(l.Name) != nil || b.watching[l.Index] || len(b.watching) >= MaxWatched {
		panic(fmt.Sprintf("watch %+v with %d others", l, len(b.watching)))
	}
	var fds []int
	if b.fds != nil {
		fds = b.fds()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && len(b.payload) <= MaxPayload && len(fds) <= MaxFDs {
		if b.watching == nil {
			b.watching = map[uint32]bool{}
		}
		b.watching[l.Index] = true
	}
	return fds, b.payload, err
}

func (b *backend) Unwatch(index uint32) error {
	if !b.watching[index] {
		panic(fmt.Sprintf("unwatch %d", index))
	}
	delete(b.watching, index)
	return b.called("unwatch %d", index)
}

func (b *backend) slots(what string, slots []uint32) error {
	if len(slots) == 0 || len(slots) > MaxSlots {
		panic(fmt.Sprintf("%d slots", len(slots)))
	}
	return b.called("%s %d from %d", what, len(slots), slots[0])
}

func (b *backend) List() error                  { return b.called("list") }
func (b *backend) Retire(slots []uint32) error  { return b.slots("retire", slots) }
func (b *backend) Release(slots []uint32) error { return b.slots("release", slots) }

// will makes the backend answer with a payload or an error from now on.
func (b *backend) will(payload []byte, err error, panics bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payload, b.err, b.panics = payload, err, panics
}

func (b *backend) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls = nil
	return calls
}

// pair returns both ends of a socket pair.
func pair(t testing.TB) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		conn, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		ends[i] = conn.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

// serve starts a server and its client. The channel delivers the server's result.
func serve(t testing.TB, b Backend) (*Client, <-chan error) {
	t.Helper()
	ours, theirs := pair(t)
	served := make(chan error, 1)
	go func() {
		if err := SendSetup(ours, Setup{Mode: "test", Payload: []byte("{}")}); err != nil {
			served <- err
			return
		}
		served <- newServer(b, Service{}).serve(ours, func(sign) {})
	}()
	c, s, err := NewClient(theirs)
	if err != nil || s.Mode != "test" || string(s.Payload) != "{}" || len(s.FDs) != 0 {
		t.Fatalf("setup %+v: %v", s, err)
	}
	return c, served
}

func wantCalls(t *testing.T, b *backend, want ...string) {
	t.Helper()
	if have := b.take(); !slices.Equal(have, want) {
		t.Errorf("backend was asked %q, want %q", have, want)
	}
}

func openFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestRequestsServed(t *testing.T) {
	b := &backend{payload: []byte("opaque")}
	c, served := serve(t, b)
	fds, payload, err := c.Watch(Link{Index: 3, Name: "eth0", Promiscuous: true})
	if err != nil || len(fds) != 0 || string(payload) != "opaque" {
		t.Errorf("%v, %q, %v", fds, payload, err)
	}
	slots := make([]uint32, 2*MaxSlots+1)
	for i := range slots {
		slots[i] = uint32(i)
	}
	for _, err := range []error{
		c.Retire(slots), c.Release(slots[5:6]), c.Release(nil), c.Unwatch(3), c.List(), c.Alive(),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	c.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	wantCalls(t, b, "watch 3 eth0 true", "retire 1024 from 0", "retire 1024 from 1024", "retire 1 from 2048",
		"release 1 from 5", "unwatch 3", "list")
}

func TestRefusals(t *testing.T) {
	b := &backend{}
	c, served := serve(t, b)
	refused := func(err error, code Code, errno unix.Errno, text string) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Code != code || e.Errno != errno || !strings.Contains(err.Error(), text) {
			t.Errorf("%v (%+v), want code %d with %q", err, e, code, text)
		}
	}
	refused(c.Unwatch(3), CodeInvalid, 0, "interface 3 is not watched")
	b.will(nil, fmt.Errorf("attach program: %w", unix.ENODEV), false)
	_, _, err := c.Watch(Link{Index: 3, Name: "gone"})
	refused(err, CodeFailed, unix.ENODEV, "watch interface gone: attach program: no such device")
	if !errors.Is(err, unix.ENODEV) {
		t.Error("the errno is lost")
	}
	b.will(nil, nil, false)
	if _, _, err := c.Watch(Link{Index: 3, Name: "eth0"}); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	_, _, err = c.Watch(Link{Index: 3, Name: "eth0"})
	refused(err, CodeInvalid, 0, "watched already")
	if _, _, err = c.Watch(Link{Index: 4, Name: "../x"}); err == nil {
		t.Error("the client sends a wrong name")
	}
	b.will(make([]byte, MaxPayload+1), nil, false)
	_, _, err = c.Watch(Link{Index: 5, Name: "eth1"})
	refused(err, CodeFailed, 0, "too long")
	b.will(nil, nil, true)
	refused(c.Retire([]uint32{1}), CodeFailed, 0, "helper panicked: backend's bug")
	b.will(nil, errors.New(strings.Repeat("long ", 1000)), false)
	refused(c.Retire([]uint32{1}), CodeFailed, 0, "long long")
	b.will(nil, nil, false)
	if err := c.Retire([]uint32{1}); err != nil {
		t.Error(err)
	}
	// An error of the backend's Unwatch still ends the watch.
	b.will(nil, unix.ENODEV, false)
	refused(c.Unwatch(3), CodeFailed, unix.ENODEV, "no such device")
	refused(c.Unwatch(3), CodeInvalid, 0, "not watched")
	c.Close()
	if err := <-served; err != nil {
		t.Errorf("the agent's end: %v", err)
	}
}

func TestWatchedLimit(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	for i := range uint32(MaxWatched) {
		if _, _, err := c.Watch(Link{Index: i + 1, Name: "x"}); err != nil {
			t.Fatal(i, err)
		}
	}
	_, _, err := c.Watch(Link{Index: MaxWatched + 1, Name: "x"})
	if e := (*Error)(nil); !errors.As(err, &e) || e.Code != CodeLimit {
		t.Errorf("%v at the limit", err)
	}
	if err := c.Unwatch(1); err != nil {
		t.Error(err)
	}
	if _, _, err := c.Watch(Link{Index: MaxWatched + 1, Name: "x"}); err != nil {
		t.Error(err)
	}
}

// TestDescriptors passes descriptors from the helper to the agent; none pass the other way.
func TestDescriptors(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	before := openFDs(t) + 2 // the socket pair
	b := &backend{fds: func() []int {
		fd, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			panic(err)
		}
		return []int{fd}
	}}
	c, _ := serve(t, b)
	fds, _, err := c.Watch(Link{Index: 1, Name: "lo"})
	if err != nil || len(fds) != 1 {
		t.Fatal(fds, err)
	}
	if flags, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the descriptor survives execve: %#x, %v", flags, err)
	}
	if _, err := unix.Write(fds[0], []byte("through")); err != nil {
		t.Error(err)
	}
	text := make([]byte, 16)
	if n, err := r.Read(text); err != nil || string(text[:n]) != "through" {
		t.Errorf("%q, %v", text[:n], err)
	}
	unix.Close(fds[0])

	// Nobody keeps descriptors of a refused watch, or of an unexpected reply.
	b.will(nil, unix.EPERM, false)
	for range 10 {
		if fds, _, err := c.Watch(Link{Index: 2, Name: "x"}); err == nil || len(fds) != 0 {
			t.Error(fds, err)
		}
	}
	b.will(nil, nil, false)
	if err := send(c.conn, encode(kindUnwatch, 9, appendSlots(nil, []uint32{1})),
		[]int{int(r.Fd()), int(w.Fd())}); err != nil {
		t.Fatal(err)
	}
	if err := c.Retire([]uint32{1}); err != nil { // drops the earlier reply
		t.Error(err)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors are open, before there were %d", after, before)
	}
}

func TestSetupDescriptors(t *testing.T) {
	ours, theirs := pair(t)
	fds := make([]int, MaxFDs)
	if err := SendSetup(ours, Setup{Mode: "m", FDs: fds}); err != nil { // stdin, repeated
		t.Fatal(err)
	}
	_, s, err := NewClient(theirs)
	if err != nil || len(s.FDs) != MaxFDs {
		t.Errorf("%d descriptors, %v", len(s.FDs), err)
	}
	closeAll(s.FDs)
}

// TestMalformed sends messages that no client sends; the server keeps serving.
func TestMalformed(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	before := openFDs(t)
	for _, message := range [][]byte{
		{1}, make([]byte, headerSize), make([]byte, maxRequest), make([]byte, maxRequest+1), make([]byte, 60000),
		encode(99, 1, nil), encode(kindRetire, 1, make([]byte, 4*MaxSlots+4)), encode(kindReply, 1, nil),
		encode(kindSetup, 1, nil),
	} {
		if err := send(c.conn, message, []int{0, 1}); err != nil {
			t.Fatal(err)
		}
		in := make([]byte, maxAnswer)
		n, err := c.conn.Read(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, refusal, err := parseReply(in[:n]); err != nil || refusal == nil || refusal.Code != CodeInvalid {
			t.Errorf("%d bytes: %v, %v", len(message), refusal, err)
		}
	}
	wantCalls(t, b)
	if err := c.Release([]uint32{1}); err != nil {
		t.Error(err)
	}
	wantCalls(t, b, "release 1 from 1")
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors are open, before there were %d", after, before)
	}
}

// TestBadHelper: the client meets a helper that answers nonsense, or nothing, or ends.
func TestBadHelper(t *testing.T) {
	for name, answer := range map[string][]byte{
		"nonsense": {1, 2, 3}, "setup": encode(kindSetup, 1, []byte("\x01\x00m")),
		"too long":     make([]byte, maxAnswer+1),
		"unknown code": finish(append(appendHeader(nil, kindReply, 1), 9, 0, 0, 0, 0, 0, 0, 0)), "nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := pair(t)
			c := &Client{conn: theirs, in: make([]byte, maxAnswer+1), control: make([]byte, unix.CmsgSpace(4*MaxFDs))}
			go func() {
				_, _ = ours.Read(make([]byte, maxRequest))
				_ = send(ours, answer, []int{0})
			}()
			before := openFDs(t)
			if err := c.Retire([]uint32{1}); err == nil {
				t.Error("no error")
			}
			if after := openFDs(t); after != before {
				t.Errorf("%d descriptors are open, before there were %d", after, before)
			}
			ours.Close()
			if err := c.Retire([]uint32{1}); err == nil {
				t.Error("no error with a helper that is gone")
			}
		})
	}
}

// TestClientByMany uses one client from many goroutines.
func TestClientByMany(t *testing.T) {
	b := &backend{}
	c, _ := serve(t, b)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				if err := c.Release([]uint32{uint32(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := len(b.take()); n != 1600 {
		t.Errorf("%d calls", n)
	}
}

func TestBucket(t *testing.T) {
	b := bucket{rate: 10, burst: 3}
	now := time.Unix(0, 0).Add(time.Hour)
	for i, want := range []time.Duration{0, 0, 0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if have := b.take(now); have.Round(time.Microsecond) != want {
			t.Errorf("request %d waits %v, want %v", i, have, want)
		}
	}
	if have := b.take(now.Add(time.Minute)); have != 0 || b.tokens != 2 {
		t.Errorf("waits %v after a minute, with %v left", have, b.tokens)
	}
}

// FuzzServer sends messages to a server. Its backend panics at calls that the server should have refused; so does this.
func FuzzServer(f *testing.F) {
	for _, message := range requests() {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		s, b := newTestServer() // an input must not depend on earlier ones
		s.watched[7], b.watching = struct{}{}, map[uint32]bool{7: true}
		checkHandled(t, s, b, message)
	})
}

func newTestServer() (*server, *backend) {
	b := &backend{}
	s := newServer(b, Service{})
	s.watches.rate, s.watches.burst = 1e9, 1e9
	return s, b
}

// TestService: the agent's words on how it is, and its requests for settings, reach the helper's service.
func TestService(t *testing.T) {
	ours, theirs := pair(t)
	var told []string
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	var reloads atomic.Int32
	service := Service{Told: func(text string) { told = append(told, text) }, Reload: func() ([]int, []byte, error) {
		if reloads.Add(1) == 1 {
			return nil, nil, errors.New("line 3: no such key")
		}
		fd, err := unix.Dup(int(file.Fd()))
		return []int{fd}, []byte("{}"), err
	}}
	served := make(chan error, 1)
	go func() { served <- newServer(&backend{}, service).serve(ours, func(sign) {}) }()
	if err := SendSetup(ours, Setup{Mode: "test"}); err != nil {
		t.Fatal(err)
	}
	c, _, err := NewClient(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"watching lan0", strings.Repeat("é", MaxTold)} {
		if err := c.Tell(text); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := c.Reload(); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("a refused reload: %v", err)
	}
	fds, payload, err := c.Reload()
	if err != nil || len(fds) != 1 || string(payload) != "{}" {
		t.Errorf("%v, %q, %v", fds, payload, err)
	}
	closeAll(fds)
	for err == nil && reloads.Load() < 100 {
		fds, _, err = c.Reload()
		closeAll(fds)
	}
	if refused := (*Error)(nil); !errors.As(err, &refused) || refused.Code != CodeLimit {
		t.Errorf("%d reloads in a row: %v", reloads.Load(), err)
	}
	c.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if want := []string{"watching lan0", strings.Repeat("é", MaxTold/2)}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

func checkHandled(t testing.TB, s *server, b *backend, message []byte) {
	var heard []sign
	reply, fds := s.handle(message, func(s sign) { heard = append(heard, s) })
	calls := b.take()
	sequence, _, refusal, err := parseReply(reply)
	if err != nil || len(fds) > 0 {
		t.Fatalf("reply % x: %v", reply, err)
	}
	if len(message) >= headerSize && sequence != binary.LittleEndian.Uint32(message[4:]) {
		t.Fatalf("sequence number %d in the reply to % x", sequence, message)
	}
	valid := refusal == nil
	if !valid && refusal.Code == CodeFailed { // a panic of the backend would be CodeFailed
		t.Fatalf("% x: %v", message, refusal)
	}
	isAlive := valid && message[1] == kindAlive
	isForService := isAlive || valid && message[1] == kindTell
	if (len(calls) == 1) != (valid && !isForService) {
		t.Fatalf("% x: valid %v, calls %q", message, valid, calls)
	}
	var want []sign
	switch {
	case isAlive:
		want = []sign{agentAlive}
	case len(message) >= headerSize && (message[1] == kindWatch || message[1] == kindUnwatch) &&
		(valid || len(heard) > 0):
		want = []sign{helperAtWork, agentAlive}
	}
	if !slices.Equal(heard, want) {
		t.Fatalf("% x: signs %v, want %v", message, heard, want)
	}
}

// FuzzClient sends replies and first messages to a client.
func FuzzClient(f *testing.F) {
	for _, message := range answers(f) {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if sequence, payload, refusal, err := parseReply(message); err == nil {
			if len(payload) > MaxPayload || refusal != nil && (len(refusal.Text) > maxText || payload != nil) {
				t.Fatalf("%d bytes, refusal %v", len(payload), refusal)
			}
			if refusal == nil && message[14] == 0 && message[16] == 0 && message[17] == 0 && message[15] == 0 {
				if again := appendReply(nil, sequence, nil, payload); !bytes.Equal(again, message) {
					t.Fatalf("% x is written as % x", message, again)
				}
			}
		}
		if s, err := parseSetup(message); err == nil {
			again, err := appendSetup(nil, s)
			if err != nil {
				t.Fatal(err)
			}
			copy(again[4:8], message[4:8]) // the sequence number carries no content
			if !bytes.Equal(again, message) {
				t.Fatalf("% x is written as % x", message, again)
			}
		}
	})
}

func BenchmarkRetire(b *testing.B) {
	c, _ := serve(b, discard{})
	slots := make([]uint32, MaxSlots)
	for b.Loop() {
		if err := c.Retire(slots); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Watch(Link) ([]int, []byte, error) { return nil, nil, nil }
func (discard) Unwatch(uint32) error              { return nil }
func (discard) List() error                       { return nil }
func (discard) Retire([]uint32) error             { return nil }
func (discard) Release([]uint32) error            { return nil }

// TestMutatedMessages sends randomly changed valid messages to a server; WEIR_BLIND sets their number. Check E3 needs
// 10^7.
func TestMutatedMessages(t *testing.T) {
	count := 200_000
	if n, err := strconv.Atoi(os.Getenv("WEIR_BLIND")); err == nil {
		count = n
	}
	var seeds [][]byte
	for _, message := range requests() {
		seeds = append(seeds, message)
	}
	random := rand.New(rand.NewPCG(3, 0))
	s, b := newTestServer()
	var message []byte
	for range count {
		message = append(message[:0], seeds[random.IntN(len(seeds))]...)
		if random.IntN(4) == 0 {
			message = message[:random.IntN(len(message)+1)]
		}
		for range random.IntN(4) {
			if len(message) > 0 {
				message[random.IntN(min(len(message), 40))] = byte(random.Uint32())
			}
		}
		if len(message) >= headerSize && random.IntN(2) == 0 {
			finish(message) // a right length reaches further
		}
		if len(b.watching) > 500 {
			s, b = newTestServer()
		}
		checkHandled(t, s, b, message)
	}
}
