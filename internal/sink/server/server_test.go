// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/sinktest"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

// fileStore is a store in a file of lines, which survives kill -9. It answers no questions but that for agents.
type fileStore struct {
	store.Store
	mu   sync.Mutex
	file *os.File
	had  map[string]bool
	last map[string]store.Agent
}

// entry is a line of a fileStore: a report.
type entry struct {
	Agent, Epoch string
	Sequence     uint64
	Line         string
}

func storeFile(folder string) string { return filepath.Join(folder, "reports.ndjson") }

func openFileStore(folder string) (store.Store, error) {
	f, err := os.OpenFile(storeFile(folder), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	s := &fileStore{file: f, had: map[string]bool{}, last: map[string]store.Agent{}}
	for _, e := range readEntries(f) {
		s.note(e)
	}
	return s, nil
}

func readEntries(in io.Reader) (all []entry) {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return all
		}
		var e entry
		if json.Unmarshal(line, &e) == nil { // a kill cuts no write in two: it is one system call
			all = append(all, e)
		}
	}
}

func (s *fileStore) note(e entry) {
	s.had[fmt.Sprint(e.Agent, e.Epoch, e.Sequence)] = true
	s.last[e.Agent] = store.Agent{Agent: e.Agent, Epoch: e.Epoch, Sequence: e.Sequence, Missing: 1}
}

func (s *fileStore) Ingest(_ context.Context, reports []store.Report) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b []byte
	for _, r := range reports {
		e := entry{r.Agent, r.Epoch, r.Sequence, string(r.Line)}
		if s.had[fmt.Sprint(e.Agent, e.Epoch, e.Sequence)] {
			continue
		}
		s.note(e)
		line, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		b = append(append(b, line...), '\n')
	}
	_, err := s.file.Write(b)
	return nil, err
}

func (s *fileStore) Agents(context.Context) (all []store.Agent, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.last {
		all = append(all, a)
	}
	return all, nil
}

func (s *fileStore) Prune(context.Context, time.Time, store.Retention) error { return nil }
func (s *fileStore) Close() error                                            { return s.file.Close() }

// folderVariable makes the test's own program a sink on that folder.
const folderVariable = "WEIR_TEST_SINK_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(folderVariable); folder != "" {
		if err := runSink(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func runSink(folder string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := Open(testConfig(folder))
	if err != nil {
		return err
	}
	fmt.Println(s.Address())
	return s.Run(ctx)
}

func testConfig(folder string) Config {
	return Config{Folder: folder, Listen: "127.0.0.1:0", Portal: "127.0.0.1:0", Version: "test",
		OpenStore: openFileStore,
		Page: func(store.Store, func() status.Snapshot) (page, api http.Handler, changed func()) {
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the page") })
			return h, h, func() {}
		},
		Log: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
}

// sink is a sink in a process of its own.
type sink struct {
	command *exec.Cmd
	address string
}

func startSink(t *testing.T, folder string) *sink {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), folderVariable+"="+folder)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the sink did not start: %v", err)
	}
	return &sink{c, strings.TrimSpace(line)}
}

// end ends the sink with a signal and returns its exit status.
func (s *sink) end(sig os.Signal) int {
	_ = s.command.Process.Signal(sig)
	_ = s.command.Wait()
	return s.command.ProcessState.ExitCode()
}

// makeReports returns an agent's reports.
func makeReports(a *sinktest.Agent, n int) (lines [][]byte) {
	var id, epoch report.ID
	if _, err := hex.Decode(id[:], []byte(a.ID())); err != nil {
		panic(err)
	}
	epoch[0] = 7
	r := report.New(report.Config{Agent: id, Version: "test", Epoch: epoch, MaxFlows: 10})
	r.Begin(report.Instant{Wall: 1_800_000_000e9, Monotonic: 1}, "")
	for i := range n {
		at := report.Instant{Wall: 1_800_000_015e9 + int64(i)*15e9, Monotonic: int64(i+1) * 15e9}
		line := r.Close(&report.State{At: at, Mode: "ebpf"})
		lines = append(lines, bytes.Clone(line))
	}
	return lines
}

// enrolled enrols a new agent at a running sink.
func enrolled(t *testing.T, folder, address string) *sinktest.Agent {
	t.Helper()
	code, err := control.Dial(folder).NewCode(t.Context(), "gateway")
	if err != nil {
		t.Fatal(err)
	}
	if want := "weir enrol https://" + address + " " + code.Code; code.Command != want {
		t.Errorf("command %q, want %q", code.Command, want)
	}
	parsed, err := uplink.ParseCode(code.Code)
	if err != nil {
		t.Fatal(err)
	}
	a := sinktest.New(t, parsed)
	if e, err := a.Enrol("https://"+address, code.Code); err != nil || e.Agent != a.ID() || e.Name != "gateway" {
		t.Fatalf("%+v %v", e, err)
	}
	return a
}

// TestKill: whenever a sink is killed, all reports that it acknowledged, and all that the agent sends again, are stored
// once.
func TestKill(t *testing.T) {
	folder := t.TempDir()
	s := startSink(t, folder)
	a := enrolled(t, folder, s.address)
	const all, kills = 240, 8
	lines := makeReports(a, all)
	for sent, round := 0, 0; sent < all; round++ {
		killed := make(chan struct{})
		if round < kills {
			go func() {
				time.Sleep(time.Duration(round*7%23) * time.Millisecond) // a moment, and no deadline
				s.end(os.Kill)
				close(killed)
			}()
		}
		for sent < all {
			n := min(1+sent%5, all-sent)
			if round < kills && sent >= all*(round+1)/(kills+1) {
				<-killed
			}
			answer, err := a.Send("https://"+s.address, lines[sent:sent+n]...)
			if err != nil {
				break // it is not known whether they came
			}
			for i, r := range answer.Reports {
				if (r.Result != uplink.Stored && r.Result != uplink.Duplicate) || r.Sequence != uint64(sent+i+1) {
					t.Fatalf("receipt %+v for report %d", r, sent+i+1)
				}
			}
			sent += n
		}
		if round < kills {
			<-killed
			s = startSink(t, folder)
		}
	}
	if status := s.end(syscall.SIGTERM); status != 0 {
		t.Errorf("after SIGTERM the sink ends with status %d", status)
	}
	f, err := os.Open(storeFile(filepath.Join(folder, "store")))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	came := map[uint64]string{}
	for _, e := range readEntries(f) {
		if came[e.Sequence] != "" {
			t.Errorf("report %d is stored twice", e.Sequence)
		}
		came[e.Sequence] = e.Line
	}
	for i, line := range lines {
		if came[uint64(i+1)]+"\n" != string(line) {
			t.Errorf("report %d is stored as %.100q", i+1, came[uint64(i+1)])
		}
	}
}

// TestLife: enrolment, revocation, the page's link, and the lock.
func TestLife(t *testing.T) {
	folder := t.TempDir()
	c := control.Dial(folder)
	if _, err := c.Agents(t.Context()); err == nil || !strings.Contains(err.Error(), "no sink runs on "+folder) {
		t.Errorf("without a sink: %v", err)
	}
	config := testConfig(folder)
	config.Metrics = "127.0.0.1:0"
	s, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if _, err := Open(testConfig(folder)); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second sink: %v", err)
	}
	if info, err := os.Stat(filepath.Join(folder, control.SocketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info.Mode(), err)
	}
	a := enrolled(t, folder, s.Address())
	lines := makeReports(a, 2)
	if got, err := a.Send(s.URL(), lines...); err != nil || len(got.Reports) != 2 ||
		got.Reports[1].Result != uplink.Stored {
		t.Fatalf("%v %v", got, err)
	}
	if got, err := a.Send(s.URL(), lines[1]); err != nil || got.Reports[0].Result != uplink.Duplicate {
		t.Fatalf("%v %v", got, err)
	}
	if now := s.Status(); now.Received != 2 || now.Duplicates != 1 {
		t.Errorf("status %+v", now)
	}
	all, err := c.Agents(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != a.ID() || all[0].Name != "gateway" {
		t.Errorf("agents %+v, %v", all, err)
	}
	checkPage(t, c, s)
	answer, err := http.Get("http://" + s.MetricsAddress() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	for _, line := range []string{`weir_sink_reports_total{state="received"} 2`,
		`weir_sink_reports_total{state="duplicate"} 1`} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("the metrics have no %q:\n%s", line, text)
		}
	}
	if _, err := c.Revoke(t.Context(), "gateway"); err != nil {
		t.Error(err)
	}
	if _, err := a.Send(s.URL(), lines[1]); err == nil || !strings.Contains(err.Error(), uplink.ProblemUnknownAgent) {
		t.Errorf("after the revocation: %v", err)
	}
	if _, err := c.Revoke(t.Context(), "nobody"); err == nil {
		t.Error("an unknown agent is revoked")
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(sinktest.Patience):
		t.Fatal("the sink does not end")
	}
}

// checkPage opens the page with a link, once.
func checkPage(t *testing.T, c *control.Client, s *Server) {
	t.Helper()
	link, err := c.Link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Timeout: sinktest.Patience}
	get := func(b *http.Client, url string) (int, string) {
		r, err := b.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(text)
	}
	root := "http://" + s.portal.Addr().String() + "/"
	if status, text := get(browser, root); status != http.StatusUnauthorized ||
		!strings.Contains(text, "weir-sink link") {
		t.Errorf("without a session: %d %s", status, text)
	}
	for range 2 {
		if status, text := get(browser, link); status != http.StatusOK || text != "the page" {
			t.Errorf("with the link: %d %s", status, text)
		}
	}
	if status, _ := get(&http.Client{Timeout: sinktest.Patience}, link); status != http.StatusUnauthorized {
		t.Errorf("with a used link: %d", status)
	}
}

// TestOpenRefused: what can't be used is named by its flag, with what to do.
func TestOpenRefused(t *testing.T) {
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	port := used.Addr().String()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Listen = port }, "--listen " + port + ": another program has this port"},
		{func(c *Config) { c.Portal = port }, "--portal " + port + ": another program has this port"},
		{func(c *Config) { c.Listen = "192.0.2.77:8443" }, "--listen 192.0.2.77:8443: this machine does not have"},
		{func(c *Config) { c.Listen = "127.0.0.1" }, "an address is HOST:PORT"},
		{func(c *Config) { c.Portal = "127.0.0.1:99999" }, "--portal 127.0.0.1:99999: invalid port"},
		{func(c *Config) { c.Folder = file }, "--data " + file + ": "},
		{func(c *Config) { c.Folder = "" }, "--data needs a folder"},
	} {
		config := testConfig(t.TempDir())
		c.change(&config)
		if s, err := Open(config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, %v; want %s", s, err, c.want)
		}
	}
}

// TestPortalAddress: a page without accounts is not served to others.
func TestPortalAddress(t *testing.T) {
	c := testConfig(t.TempDir())
	c.Portal = "0.0.0.0:0"
	if _, err := Open(c); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("opened, %v", err)
	}
}
