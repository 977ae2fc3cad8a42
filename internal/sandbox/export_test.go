// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// exportActs are what a child of the role Export must not be able to do, besides acts. It may write in the folder log.
var exportActs = slices.Concat(networkActs, []act{
	{name: "write beside its folder", try: func(w *world) error {
		return open(filepath.Join(w.dir, "..", "new"), unix.O_WRONLY|unix.O_CREAT)
	}},
	{name: "rename a file into its folder", try: func(w *world) error {
		return unix.Rename(filepath.Join(w.dir, "..", "secret"), filepath.Join(w.dir, "..", "log", "secret"))
	}},
	{name: "a Unix socket beside its folder", try: func(w *world) error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("the socket itself: %v", err) // no refusal
		}
		defer unix.Close(fd)
		return unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(w.dir, "..", "socket")})
	}},
})

// exportMay are acts that the role Export may try, with the kernel's answer: as shipMay; and it may bind, which the act
// does with another socket, as the one that it wants is refused.
var exportMay = map[string]unix.Errno{"stat a file": 0, "connect to an abstract socket": unix.ECONNREFUSED,
	"bind a port": unix.EINVAL}

// exportSocketcall is as shipSocketcall; the act may make the socket that it wants, and bind it.
var exportSocketcall = append([]string{"bind a port"}, shipSocketcall...)

// exportWorks are what export needs, in its folder log, which is the present one.
var exportWorks = []struct {
	name string
	do   func(address string) error
}{
	{"rotate a file", func(string) error {
		return errors.Join(os.WriteFile("flows", []byte("x"), 0o640), os.Rename("flows", "flows.1"),
			os.WriteFile("flows", []byte("y"), 0o640), os.Remove("flows.1"))
	}},
	{"listen at a port", func(string) error { return listens("tcp", "127.0.0.1:0") }},
	{"listen at a Unix socket", func(string) error { return listens("unix", "socket") }},
	{"TCP to a name", func(address string) error {
		net.DefaultResolver.PreferGo = true
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		c, err := net.DialTimeout("tcp", net.JoinHostPort("localhost", port), wait.Limit)
		if err != nil {
			return err
		}
		return c.Close()
	}},
	{"read names", func(string) error {
		if !CanReadNames() {
			return errors.New("refused")
		}
		return nil
	}},
}

// listens takes a connection of its own.
func listens(network, address string) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.DialTimeout(network, l.Addr().String(), wait.Limit)
	if err != nil {
		return err
	}
	defer c.Close()
	taken, err := l.Accept()
	if err != nil {
		return err
	}
	taken.Close()
	_ = c.SetReadDeadline(time.Now().Add(wait.Limit))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the end of the connection: %w", err)
	}
	return nil
}

// exportChild starts a child of the role Export, in its folder.
func exportChild(t *testing.T, args func(state string) []string) (state string, a answer) {
	t.Helper()
	state = t.TempDir()
	err := errors.Join(os.Mkdir(filepath.Join(state, "log"), 0o700), os.Mkdir(filepath.Join(state, "world"), 0o700),
		os.WriteFile(filepath.Join(state, "secret"), []byte("secret"), 0o600),
		prepare(filepath.Join(state, "world")))
	if err != nil {
		t.Fatal(err)
	}
	child, err := Start(Config{Role: Export, Args: args(state), Writable: []string{filepath.Join(state, "log")},
		Folder: filepath.Join(state, "log")})
	if err != nil {
		t.Fatal(err)
	}
	return state, answerOf(t, child)
}

// TestExportRefused: export can do nothing but write below its folders, make connections and take them.
func TestExportRefused(t *testing.T) {
	needsLandlock(t)
	state, a := exportChild(t, func(state string) []string { return []string{"export acts", state, listener(t)} })
	checkRole(t, a, exportActs, exportMay, exportSocketcall, state,
		map[string]string{"secret": "secret", "world/file": "x"})
}

// TestExportWorks: export can do what it needs.
func TestExportWorks(t *testing.T) {
	server, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_, a := exportChild(t, func(string) []string { return []string{"export works", server.Addr().String()} })
	checkWorks(t, a, len(exportWorks))
}
