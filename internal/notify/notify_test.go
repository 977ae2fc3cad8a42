// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	return c
}

func read(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestMessages(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@weir-test-" + strconv.Itoa(os.Getpid())} {
		manager := listen(t, name)
		t.Setenv("NOTIFY_SOCKET", name)
		t.Setenv("WATCHDOG_USEC", "30000000")
		t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
		c, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if os.Getenv("NOTIFY_SOCKET") != "" || os.Getenv("WATCHDOG_USEC") != "" {
			t.Error("the variables are still in the environment")
		}
		if c.watchdog != 30*time.Second || c.Pulse() != 7500*time.Millisecond {
			t.Errorf("watchdog %v, pulse %v", c.watchdog, c.Pulse())
		}
		for _, m := range []struct {
			say  func()
			want string
		}{
			{func() { c.Ready("watching lan0\nREADY=0") }, "READY=1\nSTATUS=watching lan0 READY=0"},
			{func() { c.Alive("7 flows") }, "STATUS=7 flows\nWATCHDOG=1"},
			{func() { c.Alive("") }, "WATCHDOG=1"},
			{c.Stopping, "STOPPING=1\nSTATUS=ending"},
		} {
			m.say()
			if got := read(t, manager); got != m.want {
				t.Errorf("got %q, want %q", got, m.want)
			}
		}
		c.Reloading()
		text, found := strings.CutPrefix(read(t, manager), "RELOADING=1\nMONOTONIC_USEC=")
		if n, err := strconv.ParseUint(text, 10, 64); !found || err != nil || n == 0 {
			t.Errorf("reloading: %q", text)
		}
	}
}

func TestWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	c, err := Open()
	if c != nil || err != nil {
		t.Fatalf("%v, %v", c, err)
	}
	c.Ready("")
	c.Alive("")
	c.Close()
	for _, bad := range []string{"vsock:2:1", filepath.Join(t.TempDir(), "absent")} {
		t.Setenv("NOTIFY_SOCKET", bad)
		if c, err := Open(); err == nil || c != nil {
			t.Errorf("%s: %v", bad, c)
		}
	}
}

// TestManagerDoesNotRead: weir goes on while nobody takes its messages.
func TestManagerDoesNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager := listen(t, name)
	t.Setenv("NOTIFY_SOCKET", name)
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 30 { // more than the kernel's queue of ten
		c.Alive("1")
	}
	for read(t, manager) != "STATUS=1\nWATCHDOG=1" {
		t.Fatal("the first messages are lost")
	}
}

func TestKeep(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager := listen(t, name)
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "4000")
	t.Setenv("WATCHDOG_PID", "")
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	go c.Keep(ctx, func() string { n++; return strconv.Itoa(n) })
	for _, want := range []string{"READY=1\nSTATUS=1", "STATUS=2\nWATCHDOG=1", "STATUS=3\nWATCHDOG=1"} {
		if got := read(t, manager); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	stop()
	for read(t, manager) != "STOPPING=1\nSTATUS=ending" {
	}
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"0", "", 0}, {"-1", "", 0}, {"x", "", 0}, {"99999999999999999999", "", 0},
		{"1000000", "", time.Second}, {"1000000", "12", time.Second}, {"1000000", "13", 0},
	} {
		if got := interval(c.usec, c.pid, 12); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
