// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// networkActs are what a child that makes connections must not be able to do, besides acts. The folder above dir has
// the file secret.
var networkActs = []act{
	{name: "read another file of the user", try: func(w *world) error {
		return open(filepath.Join(w.dir, "..", "secret"), unix.O_RDONLY)
	}},
	{name: "write the name servers", try: func(*world) error { return open("/etc/resolv.conf", unix.O_WRONLY) }},
	{name: "packet socket", try: func(*world) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) }},
	{name: "raw socket", try: func(*world) error {
		return socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMP)
	}},
	{name: "netlink socket", try: func(*world) error {
		return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	}},
	{name: "an option of a socket", try: func(*world) error {
		return withTCP(func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, 1)
		})
	}},
}

// shipActs are those of the role Ship. dir has the folders spool, which the child may write, and uplink, which it may
// read.
var shipActs = slices.Concat(networkActs, []act{
	{name: "write beside the spool", try: func(w *world) error {
		return open(filepath.Join(w.dir, "..", "new"), unix.O_WRONLY|unix.O_CREAT)
	}},
	{name: "write the key", try: func(w *world) error {
		return open(filepath.Join(w.dir, "..", "uplink", "key.pem"), unix.O_WRONLY)
	}},
	{name: "make a file beside the key", try: func(w *world) error {
		return open(filepath.Join(w.dir, "..", "uplink", "new"), unix.O_WRONLY|unix.O_CREAT)
	}},
	{name: "rename the key", try: func(w *world) error {
		return unix.Rename(filepath.Join(w.dir, "..", "uplink", "key.pem"), filepath.Join(w.dir, "..", "spool", "key"))
	}},
	{name: "unix socket", try: func(*world) error {
		return socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	}},
	{name: "bind", try: func(*world) error {
		return withTCP(func(fd int) error {
			return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		})
	}},
	{name: "listen", try: func(*world) error { return withTCP(func(fd int) error { return unix.Listen(fd, 1) }) }},
	{name: "bind UDP", try: func(*world) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("the socket itself: %v", err)
		}
		defer unix.Close(fd)
		return unix.Bind(fd, &unix.SockaddrInet4{})
	}},
})

// withTCP calls f with a socket, which the role may make.
func withTCP(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("the socket itself: %v", err) // no refusal
	}
	defer unix.Close(fd)
	return f(fd)
}

// tryMore tries all acts, and those of a role.
func tryMore(w *world, more []act) []result {
	usual := acts
	defer func() { acts = usual }()
	acts = append(usual[:len(usual):len(usual)], more...)
	return tryAll(w, func(*act) bool { return true })
}

// shipWorks are what ship needs. state is its state folder, address a TCP server's, which says hello.
var shipWorks = []struct {
	name string
	do   func(state, address string) error
}{
	{"read the key", func(state, _ string) error {
		_, err := os.ReadFile(filepath.Join(state, "uplink", "key.pem"))
		return err
	}},
	{"keep files", func(string, string) error {
		root, err := os.OpenRoot(".")
		if err != nil {
			return err
		}
		defer root.Close()
		lock, err := root.Open(".")
		if err != nil {
			return err
		}
		defer lock.Close()
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return fmt.Errorf("flock: %w", err)
		}
		f, err := root.OpenFile("new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("report"))
		err = errors.Join(err, f.Sync(), f.Close(), root.Rename("new", "1.report"), lock.Sync(),
			root.Mkdir("refused", 0o700), root.Rename("1.report", "refused/1.report"))
		if err != nil {
			return err
		}
		entries, err := os.ReadDir("refused")
		if err == nil && len(entries) == 1 {
			_, err = entries[0].Info()
		}
		return errors.Join(err, root.Remove("refused/1.report"))
	}},
	{"a report", func(string, string) error {
		fd := FirstFile // a sealed memfd
		if seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil || seals != unix.F_SEAL_WRITE {
			return fmt.Errorf("seals %#x, %v", seals, err)
		}
		b := make([]byte, 10)
		n, err := unix.Pread(fd, b, 0)
		if string(b[:n]) != "report" {
			return fmt.Errorf("%q, %w", b[:n], err)
		}
		return nil
	}},
	{"TCP to a name", func(_, address string) error {
		net.DefaultResolver.PreferGo = true
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait.Limit)
		defer cancel()
		d := net.Dialer{KeepAlive: 30 * time.Second}
		c, err := d.DialContext(ctx, "tcp", net.JoinHostPort("localhost", port))
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		text, err := io.ReadAll(c)
		if string(text) != "hello" {
			return fmt.Errorf("%q, %w", text, err)
		}
		return nil
	}},
	{"the system's certificates", func(string, string) error {
		_, err := x509.SystemCertPool()
		return err
	}},
}

// shipChild starts a child of the role Ship, in its spool.
func shipChild(t *testing.T, role string, user int) (state string, a answer) {
	t.Helper()
	state = t.TempDir()
	for _, name := range []string{"spool", "uplink", "world"} {
		if err := os.Mkdir(filepath.Join(state, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"secret", "uplink/key.pem"} {
		if err := os.WriteFile(filepath.Join(state, name), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := prepare(filepath.Join(state, "world")); err != nil {
		t.Fatal(err)
	}
	if user != 0 {
		if err := errors.Join(os.Chown(filepath.Join(state, "spool"), user, user), os.Chmod(state, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	server, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_, _ = c.Write([]byte("hello"))
			c.Close()
		}
	}()
	fd, err := unix.MemfdCreate("report", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	report := os.NewFile(uintptr(fd), "report")
	defer report.Close()
	if _, err := report.Write([]byte("report")); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err != nil {
		t.Fatal(err)
	}
	child, err := Start(Config{Role: Ship, Args: []string{role, state, server.Addr().String(), listener(t)},
		Readable: []string{filepath.Join(state, "uplink")}, Writable: []string{filepath.Join(state, "spool")},
		Files: []*os.File{report}, Folder: filepath.Join(state, "spool"), User: user})
	if err != nil {
		t.Fatal(err)
	}
	return state, answerOf(t, child)
}

// answerOf waits for a child's answer. At the test's end it closes the connection, which has to end the child.
func answerOf(t *testing.T, child *Child) answer {
	t.Helper()
	t.Cleanup(func() {
		child.Conn.Close()
		if _, ended := wait.Next(child.Done(), wait.Limit); !ended {
			t.Error("the child does not end when its parent closes the connection")
			_ = child.Signal(unix.SIGKILL)
		}
	})
	a, err := receive(child)
	if err != nil {
		t.Fatal(err)
	}
	if a.Error != "" {
		t.Fatal(a.Error)
	}
	return a
}

// needsLandlock is for tests of what a role may do with files.
func needsLandlock(t *testing.T) {
	t.Helper()
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0,
		unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 {
		lab.Lacks(t, "no Landlock: ", errno)
	}
}

// checkRole checks the results of acts and of those of a role: all are refused, but that the role may try some, with
// the kernel's answer, and that the filter does not see the arguments of socketcall(2). The files in state keep texts.
func checkRole(t *testing.T, a answer, more []act, may map[string]unix.Errno, socketcall []string, state string,
	texts map[string]string) {
	t.Helper()
	all := append(acts[:len(acts):len(acts)], more...)
	if len(a.Results) != len(all) {
		t.Fatalf("%d results of %d acts", len(a.Results), len(all))
	}
	for i, r := range a.Results {
		isRefused := r.Errno == unix.EPERM || r.Errno == unix.EACCES || all[i].errno != 0 && r.Errno == all[i].errno
		if want, isAllowed := may[r.Name]; isAllowed {
			isRefused = isRefused || r.Errno == want
		}
		if runtime.GOARCH == "386" && slices.Contains(socketcall, r.Name) {
			isRefused = true
		}
		if !isRefused || r.Other != "" {
			t.Errorf("%s: %v %s", r.Name, r.Errno, r.Other)
		}
	}
	t.Log(a.Line)
	for name, want := range texts {
		if text, err := os.ReadFile(filepath.Join(state, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

// checkWorks checks the results of what a role needs.
func checkWorks(t *testing.T, a answer, most int) {
	t.Helper()
	for _, r := range a.Results {
		if r.Other != "" {
			t.Errorf("%s: %s", r.Name, r.Other)
		}
	}
	if len(a.Results) != most {
		t.Errorf("%d results of %d", len(a.Results), most)
	}
}

// shipMay are acts that the role Ship may try, with the kernel's answer: Landlock does not refuse to look at a file's
// size and owner, and a connect call, which needs a unix socket that the role can't make, finds no listener of the kind
// that the connection to its parent has.
var shipMay = map[string]unix.Errno{"stat a file": 0, "connect to an abstract socket": unix.ECONNREFUSED}

// shipSocketcall are the acts that the filter can't refuse where Go makes all sockets by socketcall(2), whose arguments
// it does not see: sockets that need no capability.
var shipSocketcall = []string{"socket IPv4 TCP", "socket IPv6 UDP", "socket unix", "socket netlink audit",
	"attach a socket filter", "netlink socket", "unix socket"}

// TestShipRefused: ship can do nothing but keep its files and make connections.
func TestShipRefused(t *testing.T) {
	needsLandlock(t)
	state, a := shipChild(t, "ship acts", 0)
	checkRole(t, a, shipActs, shipMay, shipSocketcall, state,
		map[string]string{"secret": "secret", "uplink/key.pem": "secret", "world/file": "x"})
}

// TestShipWorks: ship can do what it needs.
func TestShipWorks(t *testing.T) {
	_, a := shipChild(t, "ship works", 0)
	checkWorks(t, a, len(shipWorks))
}

// TestShipUser: with a user of its own, ship keeps files in the folder where it begins, whose path it can't go, and
// reads no file of root.
func TestShipUser(t *testing.T) {
	needRoot(t)
	if !CanBecome() {
		lab.Lacks(t, "no right to change the user")
	}
	const user = 65533
	_, a := shipChild(t, "ship works", user)
	if a.Report.User != user || a.Report.Group != user || a.Report.Capabilities != 0 {
		t.Errorf("%+v", a.Report)
	}
	for _, r := range a.Results {
		if isRefused := r.Other != ""; isRefused != (r.Name == "read the key") {
			t.Errorf("%s: %q", r.Name, r.Other)
		}
	}
}
