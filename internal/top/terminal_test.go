// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// terminal is a pseudo-terminal that gathers what is written to its far end.
type terminal struct {
	*testing.T
	near, far *os.File
	mu        sync.Mutex
	written   []byte
}

func openTerminal(t *testing.T, width, height uint16) *terminal {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		lab.Lacks(t, err)
	}
	t.Cleanup(func() { near.Close() })
	raw, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number uint32
	raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	term := &terminal{T: t, near: near, far: far}
	term.resize(width, height)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := near.Read(b)
			if err != nil {
				return
			}
			term.mu.Lock()
			term.written = append(term.written, b[:n]...)
			term.mu.Unlock()
		}
	}()
	return term
}

func (t *terminal) resize(width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(t.far.Fd()), unix.TIOCSWINSZ,
		&unix.Winsize{Col: width, Row: height}); err != nil {
		t.Fatal(err)
	}
}

func (t *terminal) press(keys string) {
	t.Helper()
	t.mu.Lock()
	t.written = nil
	t.mu.Unlock()
	if _, err := t.near.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// expect waits for a text in the output since the last key.
func (t *terminal) expect(text string) {
	t.Helper()
	var got string
	found := wait.Reached(func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		got = string(t.written)
		return strings.Contains(got, text)
	})
	if !found {
		t.Fatalf("no %q was written, but %q", text, got)
	}
}

func (t *terminal) termios() unix.Termios {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(t.far.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

// start runs the view, and returns a function that waits for its end.
func (t *terminal) start(ctx context.Context, o Options) (*View, func()) {
	t.Helper()
	before := t.termios()
	o.In, o.Out = t.far, t.far
	v := New(o)
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	return v, func() {
		t.Helper()
		if err := wait.For(t, "the view ends", done); err != nil {
			t.Error(err)
		}
		if t.termios() != before {
			t.Error("the terminal was not restored")
		}
		t.expect("\x1b[?1049l") // leaves the alternate screen
	}
}

var feedBegan = time.Now().UnixNano()

func feed(v *View) {
	f := record.Flow{State: record.StateNew, Proto: 6, Protocol: "tls", Method: record.MethodDPI,
		Application: "youtube", Hostname: []byte("video.example"), FirstSeen: feedBegan, LastSeen: feedBegan,
		Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.9:4000"), Bytes: 1e6, Packets: 1000},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.7:443"), Bytes: 9e6, Packets: 9000}}
	copy(f.ID[:], strings.Repeat("1", 32))
	v.Flow(&f)
	v.Tick(time.Now(), Summary{Mode: "ebpf", Interfaces: []string{"eth0"}, Bytes: 1e7, Packets: 1e4})
}

func TestTerminal(t *testing.T) {
	for _, c := range []struct {
		name    string
		o       Options
		colours bool
	}{
		{"xterm", Options{Environ: []string{"TERM=xterm-256color"}}, true},
		{"no colour", Options{Environ: []string{"TERM=xterm-256color"}, NoColor: true}, false},
		{"NO_COLOR", Options{Environ: []string{"TERM=xterm-256color", "NO_COLOR=1"}}, false},
		{"vt100", Options{Environ: []string{"TERM=vt100"}}, false},
		{"UTF-8", Options{Environ: []string{"TERM=tmux", "LC_ALL=de_DE.UTF-8", "LANG=C"}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			term := openTerminal(t, 80, 24)
			v, end := term.start(t.Context(), c.o)
			term.expect("no traffic yet")
			feed(v)
			term.expect("youtube")
			term.mu.Lock()
			written := string(term.written)
			term.mu.Unlock()
			if got := strings.Contains(written, "\x1b[7m"); got != c.colours {
				t.Errorf("styles: %v in %q", got, written)
			}
			for _, question := range []string{"\x1b[c", "\x1b[6n", "$p", "\x1b]11;?"} {
				if strings.Contains(written, question) {
					t.Errorf("the terminal is asked %q", question)
				}
			}
			term.press("4")
			term.expect("192.0.2.9")
			term.press("\r")
			term.expect(" 192.0.2.9")
			term.press("7")
			term.expect("192.0.2.9:4000 > 198.51.100.7")
			v.SetWhy(func(id string) ([]string, error) { return []string{"because of " + id[:4]}, nil })
			term.press("w")
			term.expect("because of 1111")
			term.press("\x1b")
			term.expect("7 flows")
			term.press("p")
			term.expect("PAUSED")
			term.press("?")
			term.expect("opened or filtered adds up")
			term.press("\x1b[B\x1bx")
			term.press("q")
			end()
			v.Tick(time.Now(), Summary{}) // nobody waits for it any longer
			v.Tick(time.Now(), Summary{})
		})
	}
}

// TestEnds ends the view by ctrl-c, and by its context.
func TestEnds(t *testing.T) {
	term := openTerminal(t, 80, 24)
	_, end := term.start(t.Context(), Options{Environ: []string{"TERM=xterm"}})
	term.expect("no traffic yet")
	term.press("\x03")
	end()

	term = openTerminal(t, 80, 24)
	ctx, cancel := context.WithCancel(t.Context())
	_, end = term.start(ctx, Options{Environ: []string{"TERM=xterm"}})
	term.expect("no traffic yet")
	cancel()
	end()
}

// TestResize changes the window's size while the view runs. The kernel sends SIGWINCH only to the terminal's own
// session, which is not the test's: the test sends it to itself.
func TestResize(t *testing.T) {
	term := openTerminal(t, 80, 24)
	v, end := term.start(t.Context(), Options{Environ: []string{"TERM=xterm"}})
	feed(v)
	term.expect("packets/s")
	term.press("")
	term.resize(40, 10)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	term.expect("enter  / filter  ? help  q quit")
	term.press("q")
	end()
}

// feedUntilStuck feeds records until the drawing goroutine waits for the terminal.
func feedUntilStuck(t testing.TB, v *View) {
	if !wait.Reached(func() bool { feed(v); return wait.IsBlocked("os.(*File).Write") }) {
		t.Error("a terminal that is stopped takes all")
	}
}

// TestSlowTerminal: no caller that hands records in waits for a terminal that takes no output.
func TestSlowTerminal(t *testing.T) {
	term := openTerminal(t, 200, 50)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v, end := term.start(ctx, Options{Environ: []string{"TERM=xterm"}})
	term.expect("no traffic yet")
	if err := unix.IoctlSetInt(int(term.far.Fd()), unix.TCXONC, unix.TCOOFF); err != nil { // as by ctrl-s
		t.Fatal(err)
	}
	handed := make(chan struct{})
	go func() {
		defer close(handed)
		feedUntilStuck(t, v)
		for range 200 {
			feed(v)
		}
	}()
	if _, ended := wait.Next(handed, 2*wait.Limit); !ended {
		t.Error("records wait for the terminal")
	}
	if err := unix.IoctlSetInt(int(term.far.Fd()), unix.TCXONC, unix.TCOON); err != nil {
		t.Fatal(err)
	}
	term.expect("youtube")
	cancel()
	end()
}

// TestStuckTerminal: the end waits only briefly for a terminal that takes no output.
func TestStuckTerminal(t *testing.T) {
	term := openTerminal(t, 200, 50)
	before := term.termios()
	v := New(Options{In: term.far, Out: term.far, Environ: []string{"TERM=xterm"}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	term.expect("no traffic yet")
	if err := unix.IoctlSetInt(int(term.far.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	feedUntilStuck(t, v)
	cancel()
	if err := wait.For(t, "the view ends", done); err == nil || term.termios() != before {
		t.Errorf("%v, settings restored: %v", err, term.termios() == before)
	}
	if err := unix.IoctlSetInt(int(term.far.Fd()), unix.TCXONC, unix.TCOON); err != nil {
		t.Fatal(err)
	}
	term.expect("\x1b[?1049l")
	<-v.done
}

// TestPlainLines: without a terminal, or on one that can't move its cursor, the traffic comes in lines.
func TestPlainLines(t *testing.T) {
	term := openTerminal(t, 80, 24)
	for _, c := range []struct {
		name    string
		in, out *os.File // nil: a pipe
		term    string
	}{
		{"a pipe", term.far, nil, "xterm"}, {"no input", nil, term.far, "xterm"}, {"dumb", term.far, term.far, "dumb"},
		{"no TERM", term.far, term.far, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			o := Options{In: c.in, Out: c.out, Environ: []string{"TERM=" + c.term, "LANG=C.UTF-8"}}
			if o.Out == nil {
				o.Out = w
			}
			v := New(o)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- v.Run(ctx) }()
			var got string
			text := make(chan string, 1)
			if c.out == nil {
				go func() {
					b := make([]byte, 4096)
					n, _ := r.Read(b)
					text <- string(b[:n])
				}()
			} else {
				term.press("")
			}
			if !wait.Reached(func() bool {
				feed(v)
				if c.out != nil {
					term.mu.Lock()
					got = string(term.written)
					term.mu.Unlock()
				} else {
					select {
					case got = <-text:
					default:
					}
				}
				return strings.Contains(got, "youtube")
			}) {
				t.Errorf("%q", got)
			}
			if strings.Contains(got, "\x1b") || !strings.Contains(got, "ebpf on eth0") {
				t.Errorf("%q", got)
			}
			cancel()
			if err := wait.For(t, "the view ends", done); err != nil {
				t.Error(err)
			}
			w.Close()
		})
	}
}

// TestPlainLinesFail: the end of a reader ends the view.
func TestPlainLinesFail(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	v := New(Options{Out: w})
	done := make(chan error, 1)
	go func() { done <- v.Run(t.Context()) }()
	var got error
	if !wait.Reached(func() bool {
		feed(v)
		select {
		case got = <-done:
			return true
		default:
			return false
		}
	}) || got == nil {
		t.Errorf("the view ended with %v", got)
	}
}
