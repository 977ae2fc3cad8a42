// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
			return &Answer{Error: "there is nothing"}
		}
		return &Answer{Lines: []string{"asked for " + r.Explain}}
	})
	return l
}

func TestAsk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	if _, err := Ask(path, &Request{Explain: "x"}); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	l := start(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	a, err := Ask(path, &Request{Explain: "x"})
	if err != nil || len(a.Lines) != 1 || a.Lines[0] != "asked for x" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := Ask(path, &Request{Explain: "nothing"}); err == nil || err.Error() != "there is nothing" {
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

// TestLeftover: what a killed agent left is replaced; what is no socket is not.
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

// TestBadRequests: whatever comes, the agent goes on, and who asks badly keeps nobody else from asking for long.
func TestBadRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	start(t, path)
	for _, request := range []string{"", "\n", "{", "[]\n", strings.Repeat("x", maxRequest+10), "{\"explain\":\"" + strings.Repeat("y", maxRequest) + "\"}\n"} {
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
	for range 2 * maxAsking { // they ask, and say nothing
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
