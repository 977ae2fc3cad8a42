// SPDX-License-Identifier: Apache-2.0

// Package notify tells a service manager how its service is, by the protocol of sd_notify(3): variables in a datagram
// to the socket that NOTIFY_SOCKET names.
package notify

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Conn speaks with the service manager. Any goroutine may use it. A nil Conn says nothing.
type Conn struct {
	conn     *net.UnixConn
	watchdog time.Duration
}

// Open returns nil without a service manager. It removes the manager's variables from the environment: only this
// process speaks for the service.
func Open() (*Conn, error) {
	path, usec, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name)
	}
	if path == "" {
		return nil, nil
	}
	if path[0] != '/' && path[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET %q: neither a path nor an abstract socket", path)
	}
	// net takes a leading @ for an abstract socket, as the variable does.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return &Conn{conn: c, watchdog: interval(usec, pid, os.Getpid())}, nil
}

// interval returns within which time the manager wants each sign of life, 0 for none (sd_watchdog_enabled(3)).
func interval(usec, pid string, me int) time.Duration {
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) || pid != "" && pid != strconv.Itoa(me) {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

// Ready says that the service has begun, or that a reload is over.
func (c *Conn) Ready(status string) { c.send("READY=1", "STATUS="+line(status)) }

// Alive is a sign of life, with a line for people.
func (c *Conn) Alive(status string) {
	variables := []string{"STATUS=" + line(status)}
	if status == "" {
		variables = nil
	}
	c.send(append(variables, "WATCHDOG=1")...)
}

// longest bounds the age of what the manager shows.
const longest = 10 * time.Second

// Pulse returns how often signs of life should come: four within the watchdog's time, 0 for none without a manager.
func (c *Conn) Pulse() time.Duration {
	switch {
	case c == nil:
		return 0
	case c.watchdog > 0:
		return min(c.watchdog/4, longest)
	}
	return longest
}

// Keep gives signs of life until ctx ends, and then says that the end has begun. state returns a line for people; it
// should only return if the service works.
func (c *Conn) Keep(ctx context.Context, state func() string) {
	if c == nil {
		return
	}
	c.Ready(state())
	tick := time.NewTicker(c.Pulse())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			c.Stopping()
			return
		case <-tick.C:
			c.Alive(state())
		}
	}
}

// Reloading says that a reload begins; Ready ends it.
func (c *Conn) Reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		c.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
	}
}

// Stopping says that the end has begun.
func (c *Conn) Stopping() { c.send("STOPPING=1", "STATUS=ending") }

// Close closes the socket.
func (c *Conn) Close() {
	if c != nil {
		c.conn.Close()
	}
}

// send does not wait: a manager that does not read must not stop weir. What it misses, the next message repeats.
func (c *Conn) send(variables ...string) {
	if c == nil {
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = c.conn.Write([]byte(strings.Join(variables, "\n")))
}

// line makes a text one line.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
