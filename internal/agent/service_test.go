// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manager is what systemd is for weir: a socket that takes what weir says of itself.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
	said []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	var err error
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	return m
}

// await reads messages until one has a variable, and returns that message.
func (m *manager) await(variable string) string {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for b := make([]byte, 4096); ; {
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("no %s: %v; so far: %q", variable, err, m.said)
		}
		text := string(b[:n])
		m.said = append(m.said, text)
		for line := range strings.Lines(text) {
			if strings.TrimSuffix(line, "\n") == variable {
				return text
			}
		}
	}
}

// TestServiceManager: weir tells systemd that it has begun, that it goes on, and that it ends.
func TestServiceManager(t *testing.T) {
	h := quietHost(t, 1)
	m := newManager(t)
	r := launch(t, h, "env", "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=400000", weir(t), "run", "--output", "none",
		"--interface", "in0", "--socket", "none", "--uplink", "off")
	if text := m.await("READY=1"); !strings.Contains(text, "STATUS=watching in0, mode ") {
		t.Errorf("ready: %q", text)
	}
	for range 3 {
		m.await("WATCHDOG=1")
	}
	r.end()
	m.await("STOPPING=1")
	if ready := strings.Count(strings.Join(m.said, "\n"), "READY=1"); ready != 1 {
		t.Errorf("ready %d times: %q", ready, m.said)
	}
}
