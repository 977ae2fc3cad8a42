// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/ship"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/uplink"
)

// shipEnd is the other end of a reporter's socket, spoken by hand: what ship sends, and the reports that come.
type shipEnd struct {
	t    *testing.T
	file *os.File
}

func newUplinkReporter(t *testing.T, stdout io.Writer) (*reporter, *shipEnd) {
	t.Helper()
	ours, theirs, err := ship.NewSocketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	fd, err := unix.FcntlInt(ours.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := newReporter(3*time.Second, 100, stdout, true)
	if err := r.shipTo(fd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.sender.Load().Close()
		theirs.Close()
	})
	return r, &shipEnd{t, theirs}
}

func (e *shipEnd) say(kind byte, body []byte) {
	e.t.Helper()
	message := append([]byte{1, kind, 0, 0, byte(len(body)), 0, 0, 0}, body...)
	if err := unix.Sendmsg(int(e.file.Fd()), message, nil, nil, 0); err != nil {
		e.t.Error(err)
	}
}

func numbers(all ...uint64) (b []byte) {
	for _, n := range all {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// hello says which report is next, of agent 01… and epoch 02….
func (e *shipEnd) hello(next uint64) {
	ids := make([]byte, 32)
	ids[0], ids[16] = 1, 2
	e.say(2, append(ids, numbers(next)...))
}

func (e *shipEnd) stored(sequence uint64) { e.say(3, numbers(sequence)) }

// state says that the sink wants whole flows, that 5 reports wait in 600 bytes, that the sink's clock is a second
// ahead, and that report 3 is lost.
func (e *shipEnd) state(next uint64) {
	b := []byte{7, 0, 0, 0, 1, 0, 0, 0}
	b = append(b, numbers(5, 600, 0, 1, next, 0, 0, 0, 0, 1e9)...)
	b = append(b, 0, 0, 0, 0)
	lost := make([]byte, 16)
	lost[0] = 2
	e.say(4, append(append(b, lost...), numbers(3, 3, 1)...))
}

// next returns the next report that came, nil if there is none.
func (e *shipEnd) next() *report.Report {
	e.t.Helper()
	message, rights := make([]byte, 1024), make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(int(e.file.Fd()), message, rights, unix.MSG_DONTWAIT)
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if err != nil {
		e.t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		e.t.Fatal(messages, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		e.t.Fatal(err)
	}
	file := os.NewFile(uintptr(fds[0]), "report")
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<20))
	if err != nil {
		e.t.Fatal(err)
	}
	r, err := report.NewReader(bytes.NewReader(text)).Next()
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

func second(t *testing.T, r *reporter, seconds float64) {
	t.Helper()
	if err := r.Second(statusAt(time.Duration(seconds * 1e9))); err != nil {
		t.Fatal(err)
	}
}

// TestReporterUplink: an interval goes on until ship has given it a number. Reports tell what was lost; when the sink
// asks for it, flows are whole again. The end waits until the last report is stored.
func TestReporterUplink(t *testing.T) {
	r, end := newUplinkReporter(t, nil)
	f := &record.Flow{State: record.StateNew}
	copy(f.ID[:], strings.Repeat("0", len(f.ID)))
	for seconds := range 5 {
		second(t, r, float64(seconds))
		if err := r.Flow(f); err != nil {
			t.Fatal(err)
		}
	}
	if got := end.next(); got != nil || r.uplinkState().Ready {
		t.Fatal("a report without a number")
	}
	end.hello(7)
	wait.Until(t, "ship's hello is known", func() bool { return r.uplinkState().Ready })
	second(t, r, 5)
	got := end.next()
	if got == nil || got.Sequence != 7 || got.Agent.ID != "01000000000000000000000000000000" ||
		got.Epoch != "02000000000000000000000000000000" || got.Period.BeginMonotonic != 7e9 ||
		len(got.Flows) != 1 || !got.Flows[0].IsWhole() || got.Health.Uplink == nil {
		t.Fatalf("%+v", got)
	}
	end.state(8) // with what 7 has: stored
	wait.Until(t, "the state is known", func() bool { return r.uplinkState().Queued == 5 })
	for i, isWhole := range []bool{false, true, false} {
		f.Client.Packets++
		if err := r.Flow(f); err != nil {
			t.Fatal(err)
		}
		second(t, r, float64(8+3*i))
		got = end.next()
		if got == nil || got.Sequence != uint64(8+i) || len(got.Flows) != 1 || got.Flows[0].IsWhole() != isWhole {
			t.Fatalf("report %d: %+v", 8+i, got)
		}
		lost, want := got.Health.Uplink.Lost, report.LostReading{Epoch: got.Epoch, First: 3, Last: 3, Count: 1}
		if i == 0 && (len(lost) != 1 || lost[0] != want) || i > 0 && len(lost) > 0 {
			t.Errorf("report %d tells that %+v are lost", got.Sequence, lost)
		}
		if c, q := got.Health.Clock, got.Health.Queues; c == nil || c.SinkOffset == nil || *c.SinkOffset != 1000 ||
			len(q) != 1 || q[0] != (report.QueueReading{Name: "unstored_reports", Peak: 1, Limit: 8}) {
			t.Errorf("report %d: clock %+v, queues %+v", got.Sequence, c, q)
		}
		end.stored(got.Sequence)
		wait.Until(t, "the report is stored", func() bool { return r.sender.Load().Waiting() == 0 })
	}
	ended := make(chan error, 1)
	go func() { ended <- r.End() }()
	wait.Until(t, "the last report comes", func() bool { got = end.next(); return got != nil })
	if !got.IsLast || got.Sequence != 11 {
		t.Errorf("%+v", got)
	}
	select {
	case err := <-ended:
		t.Errorf("the end did not wait: %v", err)
	default:
	}
	end.stored(11)
	if err, is := wait.Next(ended, wait.Limit); !is || err != nil {
		t.Error(is, err)
	}
}

// TestReporterFullWithoutShip: a full report without a number is lost, which is counted; memory stays bounded.
func TestReporterFullWithoutShip(t *testing.T) {
	r, end := newUplinkReporter(t, nil)
	second(t, r, 1)
	const most = 125 // flows that it remembers
	for n := range 2*most + 1 {
		f := &record.Flow{State: record.StateEnd}
		copy(f.ID[:], strings.Repeat("0", len(f.ID)))
		f.ID[0], f.ID[1] = "0123456789abcdef"[n>>4], "0123456789abcdef"[n&15]
		if err := r.Flow(f); err != nil {
			t.Fatal(err)
		}
	}
	if u := r.uplinkState(); u.Lost != 2 || u.Ready {
		t.Errorf("%+v", u)
	}
	end.hello(1)
	wait.Until(t, "ship's hello is known", func() bool { return r.uplinkState().Ready })
	second(t, r, 4)
	if got := end.next(); got == nil || got.Sequence != 1 || len(got.Flows) != 1 {
		t.Errorf("%+v", got)
	}
}

// blockedWriter takes nothing until it is released.
type blockedWriter struct{ released chan struct{} }

func (w blockedWriter) Write(b []byte) (int, error) {
	<-w.released
	return len(b), nil
}

// TestReporterBeside: a reader of standard output that takes nothing does not keep reports from the sink.
func TestReporterBeside(t *testing.T) {
	w := blockedWriter{make(chan struct{})}
	r, end := newUplinkReporter(t, w)
	end.hello(1)
	wait.Until(t, "ship's hello is known", func() bool { return r.uplinkState().Ready })
	const all = 30
	for i := range all {
		second(t, r, float64(3*(i+1)))
		got := end.next()
		if got == nil || got.Sequence != uint64(i+1) {
			t.Fatalf("report %d: %+v", i+1, got)
		}
		end.stored(got.Sequence)
		wait.Until(t, "the report is stored", func() bool { return r.sender.Load().Waiting() == 0 })
	}
	if n := r.queue.dropped.Load(); n < all-queuedReports-2 || n >= all {
		t.Errorf("%d reports are left out of standard output", n)
	}
	close(w.released)
	ended := make(chan error, 1)
	go func() { ended <- r.End() }()
	wait.Until(t, "the last report comes", func() bool { return end.next() != nil })
	end.stored(all + 1)
	if err, is := wait.Next(ended, wait.Limit); !is || err != nil {
		t.Error(is, err)
	}
}

func TestReportTextOfUplink(t *testing.T) {
	r := report.New(report.Config{MaxFlows: 10})
	line := r.Close(&report.State{Mode: "ebpf", Uplink: &report.Uplink{Queued: 4, SpoolBytes: 4000, Refused: 2,
		Lost: []report.Lost{{Epoch: report.ID{2}, First: 3, Last: 9, Count: 6}}}})
	_, out, errs := weir("report", file(t, "reports.ndjson", line))
	for _, want := range []string{"\n  uplink: 4 reports wait for the sink, 4.00 kB; 2 refused\n",
		"\n  6 reports are lost, of 3 to 9 of epoch 02000000000000000000000000000000\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, errs)
		}
	}
}

func TestReportTextOfHealth(t *testing.T) {
	offset := 300 * time.Millisecond
	states := []*report.State{
		{Clock: &report.Clock{IsKnown: true, IsSynchronised: true, EstimatedError: 150 * time.Microsecond, Steps: 1,
			Stepped: -time.Hour, SinkOffset: &offset},
			Queues: []report.Queue{{Name: "handovers", Peak: 3, Limit: 8}, {Name: "resync", Limit: 9}}},
		{Clock: &report.Clock{IsKnown: true, Steps: 3, Stepped: time.Minute, Suspended: time.Second}},
		{Clock: &report.Clock{Steps: 3, Stepped: time.Minute, Suspended: time.Second}},
	}
	r := report.New(report.Config{MaxFlows: 10})
	var lines []byte
	for _, s := range states {
		s.Mode = "ebpf"
		lines = append(lines, r.Close(s)...)
	}
	_, out, errs := weir("report", file(t, "reports.ndjson", lines))
	for _, want := range []string{"\n  queues: handovers 0 (up to 3 of 8)\n",
		"\n  clock: synchronised, error 150µs; set by -1h0m0s; the sink's is +300ms ahead\n",
		"\n  clock: not synchronised; set 2 times, by +1h1m0s in all; the machine slept for 1s\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, errs)
		}
	}
	if strings.Count(out, "clock:") != 2 || strings.Count(out, "queues:") != 1 {
		t.Errorf("more than is known in\n%s", out)
	}
}

func TestChooseUplink(t *testing.T) {
	c := config.Default()
	c.Uplink.State = t.TempDir()
	for use, want := range map[string]string{"auto": "this agent has not enrolled", "off": "--uplink off"} {
		c.Uplink.Use = use
		folder, line, err := chooseUplink(c)
		if folder != "" || err != nil || !strings.Contains(line, want) {
			t.Errorf("%s: %q, %q, %v", use, folder, line, err)
		}
	}
	c.Uplink.Use = "on"
	if _, _, err := chooseUplink(c); err == nil || !strings.Contains(err.Error(), "--uplink on: ") {
		t.Errorf("on: %v", err)
	}
	status, _, errs := weir("run", "--uplink", "on", "--state-dir", c.Uplink.State)
	if status != exitUsage || !strings.Contains(errs, "weir enrol") {
		t.Errorf("status %d, %s", status, errs)
	}
}

func TestStatusText(t *testing.T) {
	s := &agentStatus{Running: &control.Status{Mode: "ebpf", Seconds: 75, Interfaces: []string{"lan0", "wan0"},
		Packets: 9, Flows: 2, Uplink: &control.Uplink{Ready: true, Queued: 3, SpoolBytes: 5000, Lost: 1,
			Problem: "no route\x1b[2J"}}, Sink: &sinkStatus{URL: "https://sink", Name: "gw", Agent: "01"},
		Notes: []string{"a note"}}
	var b strings.Builder
	if err := writeStatus(&b, s); err != nil {
		t.Fatal(err)
	}
	const want = `weir       has been running for 1m15s, in mode ebpf
watching   lan0, wan0: 9 packets in 2 flows
sink       https://sink, which knows this agent as gw (01)
uplink     not connected
queued     3 reports, 5.00 kB
lost       1 reports, 0 refused by the sink
problem    no route\x1b[2J
note       a note
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestStatusWithoutWeir: the state folder shows what waits; the exit status says that no weir answered.
func TestStatusWithoutWeir(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "spool", strings.Repeat("0", 16)+"-"+strings.Repeat("0", 15)+"1-"+
		strings.Repeat("0", 32)+".report")
	if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"status", "--state-dir", folder, "--socket", filepath.Join(folder, "none")}
	status, out, errs := weir(arguments...)
	if status != exitPartial || !strings.Contains(errs, "no weir answers") ||
		!strings.Contains(out, "weir       is not running\nqueued     1 reports, 100 B, until weir runs\n") {
		t.Errorf("status %d, %s\n%s", status, errs, out)
	}
	status, out, _ = weir(append(arguments, "--json")...)
	var s agentStatus
	if err := json.Unmarshal([]byte(out), &s); err != nil || status != exitPartial || s.Spool == nil ||
		*s.Spool != (spoolStatus{1, 100}) || s.Running != nil || len(s.Notes) != 1 {
		t.Errorf("status %d, %+v, %v", status, s, err)
	}
}

// TestStatusSilent: a weir that is there, and has no answer, runs.
func TestStatusSilent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	l, err := control.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go control.Serve(l, func(*control.Request) *control.Answer { return &control.Answer{Error: "ask again"} })
	status, out, errs := weir("status", "--state-dir", t.TempDir(), "--socket", socket)
	if status != exitPartial || !strings.HasPrefix(out, "weir       does not tell") ||
		!strings.Contains(errs, "ask again") {
		t.Errorf("status %d, %s\n%s", status, errs, out)
	}
}

// TestEnrolExample: the code of the help is one.
func TestEnrolExample(t *testing.T) {
	words := strings.Fields(newEnrol().Example)
	if _, err := uplink.ParseCode(words[3]); err != nil {
		t.Errorf("%s: %v", words[3], err)
	}
}

func TestEnrolUsage(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{}, "needs the sink's URL and an enrolment code"},
		{[]string{"https://127.0.0.1:9", "short"}, "this is no enrolment code"},
		{[]string{"https://127.0.0.1:9", uplink.NewCode([16]byte{1}).String(), "--state-dir", file},
			"--state-dir " + file + ": "},
	} {
		status, _, errs := weir(append([]string{"enrol", "--state-dir", folder}, c.args...)...)
		if status != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%q: status %d, %s", c.args, status, errs)
		}
	}
}
