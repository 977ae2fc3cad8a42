// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// consumer reads the socket of the Netify agent as the programs do that people run beside it: line by line, each a JSON
// object, those without a type left out; it knows flows by their digest.
type consumer struct {
	types map[string]int
	// first is the sum of the first total after a flow, as NethSecurity's dpireport takes it; deltas that of all counts
	// of both ends since the last message, as those for OpenWrt's collectd take them. Both by the local address.
	first, deltas map[string]uint64
	done          chan error
}

// consume connects a consumer.
func consume(t *testing.T, path string) *consumer {
	t.Helper()
	var conn net.Conn
	wait.Until(t, "weir listens at "+path, func() (is bool) {
		c, err := net.Dial("unix", path)
		conn = c
		return err == nil
	})
	t.Cleanup(func() { conn.Close() })
	c := &consumer{types: map[string]int{}, first: map[string]uint64{}, deltas: map[string]uint64{},
		done: make(chan error, 1)}
	hello := make(chan struct{})
	go func() { c.done <- c.read(conn, hello) }()
	wait.For(t, "the first message", hello)
	return c
}

func (c *consumer) read(in io.Reader, hello chan<- struct{}) error {
	addresses, counted := map[string]string{}, map[string]bool{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m struct {
			Type string
			Flow struct {
				Digest     string
				Local      string `json:"local_ip"`
				LocalBytes uint64 `json:"local_bytes"`
				OtherBytes uint64 `json:"other_bytes"`
				Total      uint64 `json:"total_bytes"`
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if m.Type == "" { // the length of the next
			continue
		}
		if c.types[m.Type]++; m.Type == "agent_status" && c.types[m.Type] == 1 {
			close(hello)
		}
		f := m.Flow
		switch m.Type {
		case "flow":
			addresses[f.Digest] = f.Local
		case "flow_stats", "flow_purge":
			local, ok := addresses[f.Digest]
			if !ok {
				return fmt.Errorf("%s of a flow that is not known: %s", m.Type, lines.Text())
			}
			if !counted[f.Digest] {
				c.first[local] += f.Total
			}
			counted[f.Digest] = true
			c.deltas[local] += f.LocalBytes + f.OtherBytes
		}
	}
	return lines.Err()
}

// TestListen: consumers of the Netify agent's socket come to weir's own totals, and a client over TLS gets weir's own
// records; all of them to the last, as weir ends.
func TestListen(t *testing.T) {
	weir(t)
	h := quietHost(t, 0)
	sh(t, h, "ip link set lo up")
	folder := t.TempDir()
	a := sinktest.NewAuthority(t)
	for name, content := range map[string]string{"pem": string(sinktest.PEM(t, a.Sign(t, "127.0.0.1"))),
		"ca": string(a.PEM()), "tokens": "# of the test\nshort-but-long-enough\n0123456789abcdef\n",
		"token": "0123456789abcdef\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	once, often, own := filepath.Join(folder, "once"), filepath.Join(folder, "often"), filepath.Join(folder, "own")
	r := watch(t, h, "-i", "lo", "--idle", "1s", "--socket", filepath.Join(folder, "weir.sock"),
		"--listen", "netifyd+unix://"+once, "--listen", "netifyd+unix://"+often+"?stats=1ms", "--listen",
		fmt.Sprintf("tls://127.0.0.1:7150?certificate=%s/pem&key=%[1]s/pem&token_file=%[1]s/tokens", folder),
		"--listen", "unix://"+own+"?where=ip:127.0.1.3")
	early := []*consumer{consume(t, once), consume(t, often)}
	one := bufio.NewReader(dialed(t, own, `{"flows":{"follow":true,"ended":true}}`))
	type output struct {
		text string
		err  error
	}
	remote := make(chan output, 1)
	go func() {
		text, err := h.Run(context.Background(), weir(t), "flows", "--from", "tls://127.0.0.1", "--ca", folder+"/ca",
			"--token-file", folder+"/token", "-f", "-n", "100000", "-o", "ndjson", "--reconnect", "0s")
		remote <- output{text, err}
	}()
	ping(t, h, 1, 11)
	sh(t, h, "ping -q -c 40 -i 0.2 127.0.2.1") // lives long enough to be told of more than once
	if line, err := one.ReadString('\n'); err != nil || !strings.Contains(line, `"hello"`) {
		t.Errorf("%s: %v", line, err)
	}
	if line, err := one.ReadString('\n'); err != nil || !strings.Contains(line, `"ip":"127.0.1.3"`) {
		t.Errorf("%s: %v", line, err)
	}
	wait.Until(t, "weir status tells of the clients", func() bool {
		text, _ := h.Run(context.Background(), weir(t), "status", "--socket", filepath.Join(folder, "weir.sock"))
		return strings.Contains(text, "unix://"+own+": 1 of at most ")
	})
	ping(t, h, 11, 21) // some of them end with weir
	r.end()
	want := map[string]uint64{}
	flows := 0
	var records []string
	for line := range strings.Lines(r.Stdout.String()) {
		var f struct {
			State          string
			Client, Server endpoint
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		if f.State == "end" {
			flows++
			want[f.Client.IP] += f.Client.Bytes + f.Server.Bytes
			records = append(records, strings.TrimSuffix(line, "\n"))
		}
	}
	if flows < 21 {
		t.Fatalf("%d flows\n%s", flows, r.Said)
	}
	for i, c := range early {
		if err := wait.For(t, "the end of the stream", c.done); err != nil {
			t.Error(err)
		}
		if c.types["agent_hello"] != 1 || c.types["protocols"] != 1 || c.types["agent_status"] == 0 ||
			c.types["flow_purge"] != flows || c.types["flow"] < flows || (c.types["flow_stats"] > 0) != (i == 1) {
			t.Errorf("messages of consumer %d for %d flows: %v", i, flows, c.types)
		}
		if fmt.Sprint(c.deltas) != fmt.Sprint(want) || i == 0 && fmt.Sprint(c.first) != fmt.Sprint(want) {
			t.Errorf("consumer %d: %v, first totals %v, want %v\n%s", i, c.deltas, c.first, want, r.Said)
		}
	}
	got := wait.For(t, "the remote command", remote)
	var ends []string
	for line := range strings.Lines(got.text) {
		if strings.Contains(line, `"state":"end"`) {
			ends = append(ends, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(records)
	slices.Sort(ends)
	if !slices.Equal(ends, records) || got.err == nil ||
		!strings.Contains(got.text, "weir: the running weir has ended\n") {
		t.Errorf("over TLS %d records of %d: %v\n%s", len(ends), len(records), got.err, got.text)
	}
	for _, path := range []string{once, often, own} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

// dialed connects to a Unix socket, and says a line.
func dialed(t *testing.T, path, line string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestListenOutlives: while export starts again, its clients find its sockets; a command that follows goes on.
func TestListenOutlives(t *testing.T) {
	weir(t)
	h := quietHost(t, 0)
	sh(t, h, "ip link set lo up")
	folder := t.TempDir()
	path := filepath.Join(folder, "s")
	r := watch(t, h, "-i", "lo", "--idle", "1s", "--socket", filepath.Join(folder, "weir.sock"), "--listen",
		"unix://"+path)
	pid := exportPID(t, r, 0)
	first := bufio.NewReader(dialed(t, path, `{"flows":{"follow":true}}`))
	if line, err := first.ReadString('\n'); err != nil || !strings.Contains(line, `"hello"`) {
		t.Fatalf("%s: %v", line, err)
	}
	if p, err := os.FindProcess(pid); err != nil || p.Kill() != nil {
		t.Fatal("export can't be killed")
	}
	if line, err := first.ReadString('\n'); err == nil && !strings.Contains(line, "position") {
		t.Errorf("of a killed process: %s", line)
	}
	second := bufio.NewReader(dialed(t, path, `{"flows":{"follow":true}}`)) // waits in the socket meanwhile
	if line, err := second.ReadString('\n'); err != nil || !strings.Contains(line, `"hello"`) {
		t.Errorf("%s: %v", line, err)
	}
	r.end()
}
