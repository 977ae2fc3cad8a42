// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
)

func start(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go Serve(l, func(r *Request) *Answer {
		if r.Explain == "nothing" {
			return &Answer{Error: "unknown"}
		}
		return &Answer{Lines: []string{"about " + r.Explain}}
	})
	return l
}

func TestAsk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	if _, err := Ask(path, &Request{Explain: "x"}); !errors.Is(err, ErrNotRunning) ||
		!strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	l := start(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	a, err := Ask(path, &Request{Explain: "x"})
	if err != nil || len(a.Lines) != 1 || a.Lines[0] != "about x" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := Ask(path, &Request{Explain: "nothing"}); err == nil || err.Error() != "unknown" {
		t.Error(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another weir answers") {
		t.Error(err)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// TestLeftover: Listen replaces a killed agent's socket, and nothing but a socket.
func TestLeftover(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	start(t, path)
	if _, err := Ask(path, &Request{Explain: "x"}); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil {
		t.Error("a file was taken for a socket")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestBadRequests: the agent survives any request, and bad clients stop others only briefly.
func TestBadRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	start(t, path)
	for _, request := range []string{"", "\n", "{", "[]\n", strings.Repeat("x", maxRequest+10), "{\"explain\":\"" +
		strings.Repeat("y", maxRequest) + "\"}\n"} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(request))
		_ = c.(*net.UnixConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		answer := make([]byte, 100)
		n, err := c.Read(answer)
		if !strings.Contains(string(answer[:n]), "not one line of JSON") && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%.20q: %q, %v", request, answer[:n], err)
		}
		c.Close()
	}
	for range 2 * maxClients { // connect, and stay silent
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if _, err := Ask(path, &Request{Explain: "x"}); err != nil {
		t.Error(err)
	}
}

// TestIdleClients: silent clients delay the others by a second, not for good.
func TestIdleClients(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	start(t, path)
	for range maxClients {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if _, err := Ask(path, &Request{Explain: "x"}); err != nil {
		t.Error(err)
	}
}

// TestSquatter: Ask sends nothing to an agent of another user.
func TestSquatter(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "only root can become another user")
	}
	path := filepath.Join(t.TempDir(), "weir.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const stranger = 12345
	done := make(chan error)
	go func() { // the thread ends with it
		runtime.LockOSThread()
		raw, err := l.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) {
				if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, stranger, stranger, stranger); e != 0 {
					t.Error(e)
				}
				if err := unix.Listen(int(fd), 8); err != nil { // the kernel records who calls this
					t.Error(err)
				}
			})
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	go Serve(l, func(*Request) *Answer { asked <- struct{}{}; return &Answer{Lines: []string{"\x1b[2J"}} })
	if a, err := Ask(path, &Request{Explain: "x"}); err == nil ||
		!strings.Contains(err.Error(), "another user (12345)") {
		t.Errorf("%+v, %v", a, err)
	}
	select {
	case <-asked:
		t.Error("it was asked nevertheless")
	default:
	}
}

// TestUsers: root's agent and one's own are trusted.
func TestUsers(t *testing.T) {
	for uid, isTrusted := range map[int]bool{0: true, os.Geteuid(): true, os.Geteuid() + 1: false,
		65534: os.Geteuid() == 65534} {
		if err := checkUser(uint32(uid), "/x"); (err == nil) != isTrusted {
			t.Errorf("%d: %v", uid, err)
		}
	}
}

// TestGivenFolder: root trusts the service's own user in a folder that it made for that user, and no other user or
// folder.
func TestGivenFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		lab.Lacks(t, "needs root")
	}
	const user, other = 12345, 12346
	for _, c := range []struct {
		name          string
		parent, mode  os.FileMode
		owner, asked  int
		parentOwner   int
		wantIsTrusted bool
	}{
		{"the service's", 0o755, 0o755, user, user, 0, true},
		{"another user's program", 0o755, 0o755, user, other, 0, false},
		{"root's folder", 0o755, 0o755, 0, user, 0, false},
		{"others may write to it", 0o755, 0o777, user, user, 0, false},
		{"anybody may make it", 0o777 | os.ModeSticky, 0o755, user, user, 0, false},
		{"a user made it", 0o755, 0o755, user, user, user, false},
	} {
		parent := t.TempDir()
		folder := filepath.Join(parent, "weir")
		if err := errors.Join(os.Mkdir(folder, 0o700), os.Chmod(folder, c.mode), os.Chown(folder, c.owner, c.owner),
			os.Chmod(parent, c.parent), os.Chown(parent, c.parentOwner, 0)); err != nil {
			t.Fatal(err)
		}
		err := checkUser(uint32(c.asked), filepath.Join(folder, "weir.sock"))
		if (err == nil) != c.wantIsTrusted {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestAnswersPrintable: no part of an answer reaches a terminal as an escape sequence.
func TestAnswersPrintable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const bad, want = "a\x1b]0;title\a\u202e\u009b1m\nb\tü\xff", `a\x1b]0;title\x07\xe2\x80\xae\xc2\x9b1m\x0ab\x09ü`
	go Serve(l, func(r *Request) *Answer {
		if r.Explain == "bad" {
			return &Answer{Error: bad}
		}
		return &Answer{Lines: []string{bad}}
	})
	if a, err := Ask(path, &Request{Explain: "x"}); err != nil || len(a.Lines) != 1 ||
		!strings.HasPrefix(a.Lines[0], want) || Printable(a.Lines[0]) != a.Lines[0] {
		t.Errorf("%+v, %v", a, err)
	}
	inLines := strings.Replace(want, `\x0a`, "\n", 1) // an error may have several
	if _, err := Ask(path, &Request{Explain: "bad"}); err == nil || !strings.HasPrefix(err.Error(), inLines) {
		t.Error(err)
	}
	if got := Printable("\xff\ufffd"); got != `\xff`+"\ufffd" {
		t.Errorf("%q", got)
	}
}

// TestFolder: without a runtime directory the socket lives in the user's own directory, which no other user may have
// made.
func TestFolder(t *testing.T) {
	for name, x := range map[string]struct {
		lay  func(folder string) error
		says string // "": the directory is used
	}{
		"missing":  {func(string) error { return nil }, ""},
		"existing": {func(folder string) error { return os.Mkdir(folder, 0o700) }, ""},
		"a file":   {func(folder string) error { return os.WriteFile(folder, nil, 0o600) }, "is not a directory"},
		"a link": {func(folder string) error { return os.Symlink(filepath.Dir(folder), folder) },
			"is not a directory"},
		"open to others": {func(folder string) error {
			return errors.Join(os.Mkdir(folder, 0o700), os.Chmod(folder, 0o755))
		}, "is open to others"},
		"another user's": {func(folder string) error {
			if os.Geteuid() != 0 {
				lab.Lacks(t, "only root can make what belongs to others")
			}
			return errors.Join(os.Mkdir(folder, 0o700), os.Chown(folder, 12345, 12345))
		}, "belongs to another user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			if err := x.lay(ownFolder()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(ownFolder(), "weir.sock")
			l, err := Listen(path)
			if x.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				go Serve(l, func(*Request) *Answer { return &Answer{Lines: []string{"yes"}} })
				if _, err := Ask(path, &Request{Explain: "x"}); err != nil {
					t.Error(err)
				}
				l.Close()
				if _, err := Ask(path, &Request{Explain: "x"}); !errors.Is(err, ErrNotRunning) {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), x.says) {
				t.Errorf("Listen: %v", err)
			}
			if _, err := Ask(path, &Request{Explain: "x"}); err == nil || !strings.Contains(err.Error(), x.says) {
				t.Errorf("Ask: %v", err)
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := Printable(text)
		if Printable(got) != got || !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\n\r\u202e\u009b") {
			t.Errorf("%q: %q", text, got)
		}
	})
}
