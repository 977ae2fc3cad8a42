// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// Landed waits until no sent packet is left in a CPU's backlog.
func Landed(t testing.TB) {
	t.Helper()
	wait.Until(t, "no packet waits for a CPU", hasLanded)
}

// hasLanded reports whether no packet waits for a CPU now.
func hasLanded() bool {
	text, err := os.ReadFile("/proc/net/softnet_stat")
	return err == nil && backlog(string(text)) == 0
}

// backlog returns the number of waiting packets in a text of /proc/net/softnet_stat: a line for each CPU, the 12th
// column (net/core/net-procfs.c).
func backlog(text string) (packets uint64) {
	const column = 11
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > column {
			n, _ := strconv.ParseUint(fields[column], 16, 32)
			packets += n
		}
	}
	return packets
}

// Acknowledged waits until everything that hosts have sent over TCP is acknowledged.
func Acknowledged(t testing.TB, hosts ...*Host) {
	t.Helper()
	awaitTCP(t, "all is acknowledged", func(_, unacknowledged string) bool {
		return strings.Trim(unacknowledged, "0") == ""
	}, hosts)
}

// Closed waits until the hosts' TCP connections are over, at both ends and to the last acknowledgement.
func Closed(t testing.TB, hosts ...*Host) {
	t.Helper()
	const timeWait, closed, listening = "06", "07", "0A" // include/net/tcp_states.h
	awaitTCP(t, "all connections are over", func(state, _ string) bool {
		return state == timeWait || state == closed || state == listening
	}, hosts)
}

// awaitTCP waits until a condition holds for all TCP sockets of hosts, of their state and their unacknowledged bytes.
func awaitTCP(t testing.TB, what string, is func(state, unacknowledged string) bool, hosts []*Host) {
	t.Helper()
	for _, h := range hosts {
		wait.Until(t, h.Name+": "+what, func() bool {
			text, err := h.sockets()
			if err != nil {
				t.Fatal(err)
			}
			return allTCP(text, is)
		})
	}
	Landed(t)
}

// allTCP checks the lines of proc_pid_net(5)'s tcp: the fourth field is the state; a listener's queue has another
// meaning.
func allTCP(text string, is func(state, unacknowledged string) bool) bool {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[0] == "sl" {
			continue
		}
		if sent, _, _ := strings.Cut(fields[4], ":"); !is(fields[3], sent) {
			return false
		}
	}
	return true
}

func (h *Host) sockets() (text string, err error) {
	err = h.Do(func() error {
		for _, name := range []string{"tcp", "tcp6"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
				return err
			}
			text += string(b)
		}
		return nil
	})
	return text, err
}
