// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// exporting starts weir on a quiet host's lo with outputs, whose flows end after a second of silence.
func exporting(t *testing.T, h *lab.Host, outputs ...string) (r *run, socket string) {
	t.Helper()
	sh(t, h, "ip link set lo up")
	socket = filepath.Join(t.TempDir(), "weir.sock")
	flags := []string{"-i", "lo", "--idle", "1s", "--socket", socket}
	for _, o := range outputs {
		flags = append(flags, "--to", o)
	}
	return watch(t, h, flags...), socket
}

// ping makes a flow of its own for each number.
func ping(t *testing.T, h *lab.Host, from, to int) {
	t.Helper()
	var lines []string
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("ping -q -c 1 127.0.1.%d", i))
	}
	sh(t, h, lines...)
}

func linesIn(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// TestExport: files get each record that standard output gets, from the first to those of the end, and no other.
func TestExport(t *testing.T) {
	weir(t)
	h := quietHost(t, 0)
	folder := filepath.Join(t.TempDir(), "log")
	file, eve := filepath.Join(folder, "flows.ndjson"), filepath.Join(folder, "eve.json")
	r, socket := exporting(t, h, "file://"+file, "eve://"+eve, "file://"+folder+"/one?where=ip:127.0.1.1")
	ping(t, h, 1, 11)
	wait.Until(t, "records are in the file", func() bool { return len(linesIn(t, file)) >= 10 })
	wait.Until(t, "weir status tells of them", func() bool {
		text, _ := h.Run(context.Background(), weir(t), "status", "--json", "--socket", socket)
		var s struct {
			Running struct {
				Exported struct {
					Outputs []struct{ Written int }
				}
			}
		}
		_ = json.Unmarshal([]byte(text), &s)
		return len(s.Running.Exported.Outputs) == 3 && s.Running.Exported.Outputs[0].Written >= 10
	})
	ping(t, h, 11, 21) // some of them end with weir
	r.end()
	want := strings.Split(strings.TrimSuffix(r.Stdout.String(), "\n"), "\n")
	got := linesIn(t, file)
	slices.Sort(want)
	slices.Sort(got)
	if len(want) != 20 || !slices.Equal(got, want) {
		t.Errorf("%d records in the file, %d on standard output\n%s", len(got), len(want), r.Said)
	}
	own := make([]string, 0, len(want))
	for _, line := range linesIn(t, eve) {
		var event struct {
			Kind string          `json:"event_type"`
			Weir json.RawMessage `json:"weir"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Kind != "flow" {
			t.Errorf("event %s, error %v", line, err)
		}
		own = append(own, string(event.Weir))
	}
	slices.Sort(own)
	if !slices.Equal(own, want) {
		t.Errorf("%d events, %d records", len(own), len(want))
	}
	if one := linesIn(t, folder+"/one"); len(one) != 1 || !strings.Contains(one[0], "127.0.1.1") {
		t.Errorf("of one address: %q", one)
	}
}

// exportPID waits for the process export, another than the last.
func exportPID(t *testing.T, r *run, last int) (pid int) {
	t.Helper()
	wait.Until(t, "export runs", func() bool {
		for _, child := range program.Children(r.PID()) {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
			if string(bytes.TrimSpace(name)) == "weir-export" && child != last {
				pid = child
			}
		}
		return pid != 0
	})
	return pid
}

// TestExportIsKilled: export starts again when it dies, and goes on in the same file; weir goes on all the time. A
// file that was moved is made anew.
func TestExportIsKilled(t *testing.T) {
	weir(t)
	h := quietHost(t, 0)
	file := filepath.Join(t.TempDir(), "log", "f")
	r, _ := exporting(t, h, "file://"+file)
	pid := exportPID(t, r, 0)
	next := 1
	grows := func(what string) {
		t.Helper()
		before := len(linesIn(t, file))
		wait.Until(t, what, func() bool {
			if strings.Count(r.Stdout.String(), "\n") == next-1 { // the last one's flow has ended
				ping(t, h, next, next+1)
				next++
			}
			return len(linesIn(t, file)) > before
		})
	}
	grows("a first record is written")
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exportPID(t, r, pid)
	grows("a record is written after the death")
	if err := os.Rename(file, file+".moved"); err != nil {
		t.Fatal(err)
	}
	grows("a record is in the new file")
	r.end()
	written := len(linesIn(t, file)) + len(linesIn(t, file+".moved"))
	if all := strings.Count(r.Stdout.String(), "\n"); all != next-1 || written > all || written < 3 {
		t.Errorf("%d pings, %d records, %d in the files", next-1, all, written)
	}
}

// TestExportMQTT: a broker gets the records that standard output gets, from a process that has no right but the
// network; at the end it is told that weir is offline.
func TestExportMQTT(t *testing.T) {
	weir(t)
	if _, err := exec.LookPath("mosquitto_sub"); err != nil {
		lab.Lacks(t, "mosquitto_sub is missing")
	}
	h := quietHost(t, 0)
	sh(t, h, "ip link set lo up")
	config := filepath.Join(t.TempDir(), "conf")
	text := "listener 1883 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	broker := program.Start(t, h, io.Discard, "/usr/sbin/mosquitto", "-v", "-c", config)
	broker.Await(" running")
	var got program.Text
	program.Start(t, h, &got, "mosquitto_sub", "-h", "127.0.0.1", "-t", "weir/#", "-F", "got %r %t %p")
	broker.Await("Sending SUBACK")

	r, _ := exporting(t, h, "mqtt://localhost?status=weir/status&where=proto:icmp")
	wait.Until(t, "weir is online", func() bool { // the first record makes the connection
		ping(t, h, 1, 6)
		return strings.Contains(got.String(), "got 0 weir/status online")
	})
	ping(t, h, 6, 16)
	r.end()
	wait.Until(t, "weir is offline", func() bool { return strings.Contains(got.String(), "got 0 weir/status offline") })
	want := 0
	for line := range strings.Lines(r.Stdout.String()) {
		if line = strings.TrimSuffix(line, "\n"); strings.Contains(line, `"ip_proto":"icmp"`) {
			want++
			if !strings.Contains(got.String(), "got 0 weir/flow "+line+"\n") {
				t.Errorf("the broker has not got %s", line)
			}
		}
	}
	if n := strings.Count(got.String(), "got 0 weir/flow "); want < 15 || n != want {
		t.Errorf("%d messages, %d records", n, want)
	}
}

// TestExportNames: a collector is found by its name also after the file with the names was replaced, which Landlock
// refuses to the process that runs then.
func TestExportNames(t *testing.T) {
	weir(t)
	h := quietHost(t, 0)
	etc := t.TempDir()
	sh(t, h, "cp -a /etc/. "+etc, "mount --bind "+etc+" /etc", "ip link set lo up")
	var server net.Listener
	if err := h.Do(func() (err error) {
		server, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	came := make(chan struct{}, 1)
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			if _, err := c.Read(make([]byte, 1)); err == nil {
				select {
				case came <- struct{}{}:
				default:
				}
			}
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(server.Addr().String())
	r, _ := exporting(t, h, "syslog+tcp://collector.test:"+port)
	ping(t, h, 1, 2)
	wait.Until(t, "the name is not known", func() bool {
		return strings.Contains(r.Said.String(), "lookup collector.test")
	})
	before := exportPID(t, r, 0)
	sh(t, h, "sed -i '1i 127.0.0.1 collector.test' /etc/hosts") // writes another file, and renames it
	exportPID(t, r, before)
	next := 2
	wait.Until(t, "a record comes", func() bool {
		if next < 250 {
			ping(t, h, next, next+1) // those before may have been lost with the process
			next++
		}
		select {
		case <-came:
			return true
		default:
			return false
		}
	})
	r.end()
}
