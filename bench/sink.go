// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/sinktest"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/uplink"
)

// sink is a running weir-sink, in a process of its own.
type sink struct {
	*exec.Cmd
	*control.Client
	address, link string
	said          bytes.Buffer
}

// startSink starts a sink on a data folder, with free ports of loopback, and waits until it serves.
func startSink(program, data string) (s *sink, err error) {
	s = &sink{Client: control.Dial(data)}
	s.Cmd = exec.Command(program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--portal", "127.0.0.1:0",
		"--keep-days", "36500")
	s.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.Stderr = &s.said
	out, err := s.StdoutPipe()
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for s.link == "" && lines.Scan() {
		for prefix, to := range map[string]*string{"agents: ": &s.address, "page, once: ": &s.link} {
			if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				*to = rest
			}
		}
	}
	if s.address == "" || s.link == "" {
		return nil, errors.Join(fmt.Errorf("weir-sink did not start: %s", &s.said), s.stop())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s, nil
}

// stop ends the sink as its owner does.
func (s *sink) stop() error {
	_ = s.Process.Signal(syscall.SIGTERM)
	if err := s.Wait(); err != nil {
		return fmt.Errorf("weir-sink: %w: %s", err, &s.said)
	}
	return nil
}

// enrol returns an agent that the sink knows.
func (s *sink) enrol(name string) (*sinktest.Agent, error) {
	code, err := s.NewCode(context.Background(), name)
	if err != nil {
		return nil, err
	}
	parsed, err := uplink.ParseCode(code.Code)
	if err != nil {
		return nil, err
	}
	a, err := sinktest.Make(parsed)
	if err == nil {
		_, err = a.Enrol(s.address, code.Code)
	}
	return a, err
}

// cpu returns the CPU seconds that the sink has used.
func (s *sink) cpu() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')'):])) // proc(5): from the state, field 3, on
	user, err := strconv.ParseFloat(fields[14-2], 64)
	system, err2 := strconv.ParseFloat(fields[15-2], 64)
	return (user + system) / 100, errors.Join(err, err2) // USER_HZ
}

// senders is the number of agents that report at the same time.
const senders = 4

// ingested is the result of sending reports to a sink.
type ingested struct {
	yes, stored, cpu float64 // flows a second, until the yes and until the queue is empty; CPU seconds
	flows            int
}

// ingest sends each agent's reports, all agents at the same time.
func (s *sink) ingest(loads []load) (r ingested, err error) {
	begin := time.Now()
	errs := make([]error, len(loads))
	var sending sync.WaitGroup
	for i, l := range loads {
		r.flows += l.flows
		sending.Go(func() {
			for _, body := range l.bodies {
				if errs[i] = accepted(l.SendBody(s.address, body)); errs[i] != nil {
					return
				}
			}
		})
	}
	sending.Wait()
	r.yes = float64(r.flows) / time.Since(begin).Seconds()
	if err := errors.Join(errs...); err != nil {
		return r, err
	}
	if err := s.drained(5 * time.Minute); err != nil {
		return r, err
	}
	r.stored = float64(r.flows) / time.Since(begin).Seconds()
	r.cpu, err = s.cpu()
	return r, err
}

// drained waits until the store has all reports of the queue.
func (s *sink) drained(limit time.Duration) error {
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) { // looking takes CPU time
		var now status.Snapshot
		if err := s.Get(context.Background(), "/api/v1/status", &now); err != nil || now.Queue.Reports == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d reports are still in the queue: %s", now.Queue.Reports, &s.said)
		}
	}
}

// accepted is the error of an answer that does not say of all reports that they are stored.
func accepted(answer uplink.Reports, err error) error {
	for _, r := range answer.Reports {
		if r.Result != uplink.Stored {
			return fmt.Errorf("report %d: %s, %s", r.Sequence, r.Result, r.Reason)
		}
	}
	return err
}

// load is what an agent sends.
type load struct {
	*sinktest.Agent
	bodies [][]byte // requests, of 10,000 flows each
	flows  int
}

// loadSizes are the flows of a report.
var loadSizes = []int{1000, 2500, 5000, 10_000}

const requestFlows = 10_000

// newLoad makes requests of an agent in whose network the flows are like those of recordings. Of the flows of a report
// four in ten are new, the others have changed.
func newLoad(a *sinktest.Agent, flows []*record.Flow, requests int, seed uint64) (load, error) {
	l := load{Agent: a}
	c := report.Config{Version: "bench", Epoch: report.ID{byte(seed)}, MaxFlows: 1 << 16}
	if _, err := hex.Decode(c.Agent[:], []byte(a.ID())); err != nil {
		return l, err
	}
	r, random := report.New(c), rand.New(rand.NewPCG(seed, 1))
	now := time.Now().Add(-24 * time.Hour)
	r.Begin(report.Instant{Wall: now.UnixNano(), Monotonic: 1}, "")
	var live []*record.Flow
	for n := range requests {
		size := loadSizes[n%len(loadSizes)]
		var lines [][]byte
		for range requestFlows / size {
			live = nextFlows(live, flows, size, now, random)
			for _, f := range live[len(live)-size:] {
				r.Flow(f)
			}
			now = now.Add(reportPeriod)
			at := report.Instant{Wall: now.UnixNano(), Monotonic: now.UnixNano()}
			lines = append(lines, bytes.Clone(r.Close(&report.State{At: at, Mode: "ebpf"})))
			l.flows += size
		}
		l.bodies = append(l.bodies, a.Body(lines...))
	}
	return l, nil
}

// nextFlows lets an interval pass: the newest flows change, and new ones begin.
func nextFlows(live, like []*record.Flow, size int, now time.Time, random *rand.Rand) []*record.Flow {
	changed := min(size*6/10, len(live))
	live = slices.Clone(live[max(0, len(live)-requestFlows):])
	for _, f := range live[len(live)-changed:] {
		f.State = record.StateUpdate
		f.Client.Packets, f.Client.Bytes = f.Client.Packets+2, f.Client.Bytes+120+random.Uint64N(500)
		f.Server.Packets, f.Server.Bytes = f.Server.Packets+3, f.Server.Bytes+120+random.Uint64N(4000)
		f.LastSeen = now.UnixNano() + random.Int64N(int64(reportPeriod))
	}
	for range size - changed {
		was := like[random.IntN(len(like))]
		f, own := was.Clone(), identity(was, random)
		f.ID, f.CommunityID, f.State = own.ID, own.CommunityID, record.StateNew
		f.Client.Addr, f.Client.MAC, f.Server.Addr = own.Client.Addr, own.Client.MAC, own.Server.Addr
		f.FirstSeen = now.UnixNano() + random.Int64N(int64(reportPeriod)/2)
		f.LastSeen = f.FirstSeen + random.Int64N(int64(reportPeriod)/2)
		live = append(live, f)
	}
	return live
}

// measureIngest measures real sinks with new data folders. The last one's stays, in folder.
func measureIngest(t *table, program string, all []heard, folder string, runs int) error {
	flows := make([]*record.Flow, len(all))
	for i, h := range all {
		flows[i] = h.Flow
	}
	var results []ingested
	for range runs {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
		one, err := ingestOnce(program, flows, folder)
		if err != nil {
			return err
		}
		results = append(results, one)
	}
	of := func(figure func(ingested) float64) []float64 { return each(results, figure) }
	what := fmt.Sprintf("ingest of %s flows in reports of 1,000 to 10,000 (4 in 10 new)", thousands(results[0].flows))
	t.figure(what+", until the yes", 0, "flows/s", of(func(r ingested) float64 { return r.yes }))
	t.atLeast(what+", until committed in DuckDB", 100_000, "flows/s", of(func(r ingested) float64 { return r.stored }))
	t.figure("… CPU of the sink for a million flows", 0, "s",
		of(func(r ingested) float64 { return r.cpu / float64(r.flows) * 1e6 }))
	return nil
}

// ingestOnce measures one sink. Its agents are its own, since they enrol.
func ingestOnce(program string, flows []*record.Flow, folder string) (r ingested, err error) {
	s, err := startSink(program, folder)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var loads []load
	for n := range senders {
		a, err := s.enrol(fmt.Sprintf("gateway-%d", n))
		if err != nil {
			return r, err
		}
		defer a.Client.CloseIdleConnections()
		l, err := newLoad(a, flows, requestsEach, uint64(n+1))
		if err != nil {
			return r, err
		}
		loads = append(loads, l)
	}
	return s.ingest(loads)
}

// requestsEach agent sends.
const requestsEach = 20

// measureTop measures a question over HTTP, as the page asks it.
func measureTop(t *table, program, what, data string, goal float64) error {
	s, err := startSink(program, data)
	if err != nil {
		return err
	}
	took, err := s.askTop()
	if err = errors.Join(err, s.stop()); err != nil {
		return err
	}
	slices.Sort(took)
	for _, share := range []struct {
		name    string
		percent int
		goal    float64
	}{{"p50", 50, 0}, {"p95", 95, goal}} {
		t.figure(what+", over HTTP: "+share.name, share.goal, "ms", []float64{took[len(took)*share.percent/100]})
	}
	return nil
}

// askTop asks, after a first time, a hundred times, and returns the milliseconds of each.
func (s *sink) askTop() (took []float64, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Jar: jar}
	if _, err := get(&client, s.link); err != nil {
		return nil, err
	}
	page, err := url.Parse(s.link)
	if err != nil {
		return nil, err
	}
	question := page.ResolveReference(&url.URL{Path: "/api/v1/top", RawQuery: url.Values{"by": {"app"}, "limit": {"10"},
		"from": {reportsBegin.Format(time.RFC3339)}, "to": {reportsBegin.AddDate(0, 0, 30).Format(time.RFC3339)},
	}.Encode()}).String()
	for n := range 101 {
		begin := time.Now()
		body, err := get(&client, question)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			took = append(took, time.Since(begin).Seconds()*1000)
		}
		var answer struct{ Rows []json.RawMessage }
		if err := json.Unmarshal(body, &answer); err != nil || len(answer.Rows) != 10 {
			return nil, fmt.Errorf("%w: %.200s", errors.Join(err, errAnswer), body)
		}
	}
	return took, nil
}

var errAnswer = errors.New("another answer than ten applications")

func get(client *http.Client, url string) ([]byte, error) {
	r, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", r.Request.URL.Path, r.Status, body)
	}
	return body, err
}

// thousands writes a number for people.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
