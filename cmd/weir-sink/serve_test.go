// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asProgram makes the test's own program weir-sink.
const asProgram = "WEIR_TEST_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// serveCommand starts the sink and returns what it prints.
func serveCommand(t *testing.T, data string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, "serve", "--data", data, "--listen", "127.0.0.1:0", "--portal", "127.0.0.1:0")
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return c, bufio.NewScanner(out)
}

// TestServe: the sink with its real store starts, answers the other commands, and ends with SIGTERM.
func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	c, lines := serveCommand(t, data)
	for _, want := range []string{"agents: https://127.0.0.1:", "certificate authority: ",
		"page, once: http://127.0.0.1:"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Fatalf("got %q, want %q…", lines.Text(), want)
		}
	}
	for _, q := range []struct{ args, want string }{
		{"agent list", "no agent has enrolled"},
		{"agent enrol gw", "weir enrol https://127.0.0.1:"},
		{"link", "http://127.0.0.1:"},
		{"query top app since 1h", "(all)"},
		{"query top host where dev:@nobody AND NOT ip:10.0.0.0/8", "(all)"},
		{"query series app step 1m", "TIME"},
		{"query flows --csv", "agent,device,first_seen,"},
		{"query devices since 7d --json", `"rows":[]`},
		{"query agents", "AGENT  NAME"},
	} {
		args := append(strings.Fields(q.args), "--data", data)
		if status, out, stderr := sink(args...); status != exitOK || !strings.Contains(out, q.want) {
			t.Errorf("weir-sink %s: %d %q %q", q.args, status, out, stderr)
		}
	}
	if _, out, _ := sink("doctor", "--data", data); !strings.Contains(out, "ok    sink: runs ") ||
		!strings.Contains(out, "ok    certificate: ends ") ||
		!strings.Contains(out, "FAIL  agents: none has enrolled") {
		t.Error(out)
	}
	if status, _, stderr := sink("serve", "--data", data, "--listen", "127.0.0.1:0"); status != exitUsage ||
		!strings.Contains(stderr, "a sink runs on "+data+" already") {
		t.Errorf("a second sink: %d %q", status, stderr)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
