// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/uplink"
)

// sink takes reports as weir-sink does, on a host of the lab.
type sink struct {
	t          *testing.T
	url        string
	code       uplink.Code
	mu         sync.Mutex
	key        ed25519.PublicKey
	reports    map[uint64]string // lines by sequence
	duplicates int
	wantsWhole bool // in the next answer
}

func newSink(t *testing.T, h *lab.Host) *sink {
	t.Helper()
	program.Sh(t, h, "ip link set lo up")
	authority := sinktest.NewAuthority(t)
	s := &sink{t: t, code: uplink.NewCode(uplink.HashAuthority(authority.Certificate)), reports: map[uint64]string{}}
	var listener net.Listener
	if err := h.Do(func() (err error) {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.url = "https://" + listener.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+uplink.EnrolPath, s.enrol)
	mux.HandleFunc("POST "+uplink.ReportsPath, s.take)
	server := &http.Server{Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{authority.Sign(t,
		"127.0.0.1")}}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { server.Close() })
	return s
}

// body reads a request that is signed with the key, or with the one in the body.
func (s *sink) body(w http.ResponseWriter, r *http.Request, key func(body []byte) ed25519.PublicKey) []byte {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = uplink.Verify(r, key(body), time.Now(), body)
	}
	if err != nil {
		s.t.Errorf("%s: %v", r.URL, err)
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	return body
}

func (s *sink) enrol(w http.ResponseWriter, r *http.Request) {
	var e uplink.Enrolment
	if s.body(w, r, func(body []byte) ed25519.PublicKey {
		_ = json.Unmarshal(body, &e)
		return e.PublicKey
	}) == nil {
		return
	}
	if e.Code != s.code.String() {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	s.mu.Lock()
	s.key = e.PublicKey
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(uplink.Enrolled{Agent: uplink.AgentID(e.PublicKey), Name: e.Name})
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := s.body(w, r, func([]byte) ed25519.PublicKey { return s.key })
	if body == nil {
		return
	}
	text, err := compress.Decompress(body, compress.Zstd, uplink.MaxReports)
	if err != nil {
		s.t.Error(err)
	}
	answer := uplink.Reports{WholeFlows: s.wantsWhole}
	s.wantsWhole = false
	for line := range strings.Lines(string(text)) {
		var head struct {
			Agent    struct{ ID string }
			Epoch    string
			Sequence uint64
		}
		if err := json.Unmarshal([]byte(line), &head); err != nil || head.Agent.ID != r.Header.Get(uplink.AgentHeader) {
			s.t.Errorf("a report of %q, %v", head.Agent.ID, err)
		}
		receipt := uplink.Receipt{Epoch: head.Epoch, Sequence: head.Sequence, Result: uplink.Stored}
		if before, has := s.reports[head.Sequence]; has {
			receipt.Result = uplink.Duplicate
			s.duplicates++
			if before != line {
				s.t.Errorf("two reports have sequence %d", head.Sequence)
			}
		}
		s.reports[head.Sequence] = line
		answer.Reports = append(answer.Reports, receipt)
	}
	_ = json.NewEncoder(w).Encode(&answer)
}

// text returns the reports in order, and whether none is missing.
func (s *sink) text() (text string, last uint64, isWhole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []uint64
	for n := range s.reports {
		all = append(all, n)
	}
	slices.Sort(all)
	var b strings.Builder
	for _, n := range all {
		b.WriteString(s.reports[n])
		last = n
	}
	return b.String(), last, last == uint64(len(all))
}

// enrolAt enrols a new agent, and returns its state folder.
func (s *sink) enrolAt(h *lab.Host) (folder string) {
	s.t.Helper()
	folder = s.t.TempDir()
	program.Sh(s.t, h, weir(s.t)+" enrol --name gateway --state-dir "+folder+" "+s.url+" "+s.code.String())
	return folder
}

// TestUplink: a sink gets each report once, whole, while the process that sends them is killed again and again, and
// afterwards nothing is left in the spool.
func TestUplink(t *testing.T) {
	weir(t)
	schema := reportSchema(t)
	h := quietHost(t, 1)
	s := newSink(t, h)
	folder := s.enrolAt(h)
	r := shipping(t, h, folder, "report")
	last := 0
	for range 5 {
		r.traffic()
		_, had, _ := s.text()
		wait.Until(t, "the sink has a new report", func() bool { _, n, _ := s.text(); return n > had })
		last = r.shipPID(last)
		if err := unix.Kill(last, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	s.mu.Lock()
	s.wantsWhole = true
	s.mu.Unlock()
	arrived := r.arrived()
	wait.Until(t, "all that came in is reported", func() bool {
		text, _, _ := s.text()
		return sum(reports(t, schema, text)).packets >= arrived
	})
	wait.Until(t, "weir status says that the sink is there", func() bool {
		text := program.Sh(t, h, weir(t)+" status --socket "+r.socket+" --state-dir "+folder)
		return strings.Contains(text, "connected: the sink took the last report")
	})
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT} { // as systemd and a terminal stop all processes
		if err := unix.Kill(r.shipPID(last), signal); err != nil {
			t.Fatal(err)
		}
	}
	r.end()
	text, sent, isWhole := s.text()
	all := reports(t, schema, text)
	if !isWhole || !all[len(all)-1].Last {
		t.Errorf("%d reports up to %d; the last one says so: %v", len(all), sent, all[len(all)-1].Last)
	}
	if got := sum(all); got.packets != arrived {
		t.Errorf("the reports have %d packets, %d came in", got.packets, arrived)
	}
	if p := all[len(all)-1].Health.Processes; len(p) != 3 || p[2].Resident == 0 {
		t.Errorf("processes %+v", p)
	}
	var queues []string
	for _, q := range all[len(all)-1].Health.Queues {
		queues = append(queues, q.Name)
	}
	want := []string{"handovers", "nat_legs", "resync", "report", "unstored_reports", "output_reports"}
	if c := all[len(all)-1].Health.Clock; !slices.Equal(queues, want) || c == nil || c.Synchronised == nil {
		t.Errorf("queues %q, clock %+v", queues, c)
	}
	if printed := r.Stdout.String(); printed != text {
		t.Errorf("standard output has other reports than the sink: %d and %d bytes", len(printed), len(text))
	}
	if n, _, err := spool.Waiting(filepath.Join(folder, "spool")); n > 0 || err != nil {
		t.Errorf("%d reports are left in the spool, %v", n, err)
	}
	t.Logf("%d reports, %d of them twice; ship has %d KiB", len(all), s.duplicates,
		all[len(all)-1].Health.Processes[2].Resident>>10)
}

// hasEnded reports whether a process has ended; its parent may not have noticed.
func hasEnded(pid int) bool {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	return err != nil || strings.Contains(string(status), "\nState:\tZ")
}

// TestHelperIsKilled: the process that stores reports outlives the others, and stores what they had closed.
func TestHelperIsKilled(t *testing.T) {
	weir(t)
	schema := reportSchema(t)
	h := quietHost(t, 1)
	folder := enrolled(t)
	for _, whom := range []string{"helper", "agent"} {
		r := shipping(t, h, folder, "report")
		ship := r.shipPID(0)
		had := strings.Count(r.Stdout.String(), "\n")
		wait.Until(t, "reports are made", func() bool { return strings.Count(r.Stdout.String(), "\n") >= had+3 })
		victim := r.PID()
		if whom == "agent" {
			victim = r.child()
		}
		if err := unix.Kill(victim, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wait.Until(t, "ship has ended", func() bool { return hasEnded(ship) })
		printed := reports(t, schema, r.Stdout.String())
		text, _ := spooled(t, folder)
		stored := reports(t, schema, text)
		if last := printed[len(printed)-1].Sequence; last > uint64(len(stored)) || len(printed) < 3 {
			t.Errorf("%s killed: %d reports are stored, %d were made", whom, len(stored), last)
		}
		for i := range stored {
			if stored[i].Sequence != uint64(i+1) {
				t.Errorf("%s killed: report %d has sequence %d", whom, i+1, stored[i].Sequence)
			}
		}
	}
}
