// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/record"
)

// flowLine is the JSON of a flow whose host name is its number.
func flowLine(i int) []byte {
	end := record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:53")}
	f := record.Flow{Hostname: fmt.Appendf(nil, "host%d", i), State: record.StateEnd, Client: end, Server: end,
		FirstSeen: 1, LastSeen: 2}
	copy(f.ID[:], fmt.Sprintf("%032x", i))
	return f.AppendJSON(nil)
}

func flowRecord(t *testing.T, i int) *Record {
	t.Helper()
	r, _, err := readRecord(flowLine(i))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func hosts(records []*Record) (names []string) {
	for _, r := range records {
		names = append(names, string(r.Flow.Hostname))
	}
	return names
}

func TestQueue(t *testing.T) {
	one := recordBytes + int64(len(flowLine(1)))
	for _, c := range []struct {
		records int
		bytes   int64
	}{{3, 1 << 20}, {100, 3 * one}} {
		q := NewQueue(c.records, c.bytes)
		for i := range 5 {
			q.Put(flowRecord(t, i))
		}
		got, isOver := q.Take(nil, 2)
		if want := []string{"host2", "host3"}; isOver || !slices.Equal(hosts(got), want) {
			t.Errorf("took %v, not %v", hosts(got), want)
		}
		q.Put(flowRecord(t, 5))
		q.Close()
		q.Put(flowRecord(t, 6))
		if waiting, dropped := q.Count(); waiting != 2 || dropped != 2 {
			t.Errorf("%d wait, %d dropped", waiting, dropped)
		}
		got, isOver = q.Take(got[:0], 9)
		if want := []string{"host4", "host5"}; !isOver || !slices.Equal(hosts(got), want) {
			t.Errorf("took %v, not %v", hosts(got), want)
		}
	}
}

// TestQueueTooLarge: a record that alone exceeds the bound is kept: it is the newest.
func TestQueueTooLarge(t *testing.T) {
	q := NewQueue(9, 10)
	q.Put(flowRecord(t, 1))
	q.Put(flowRecord(t, 2))
	if got, _ := q.Take(nil, 9); !slices.Equal(hosts(got), []string{"host2"}) {
		t.Errorf("took %v", hosts(got))
	}
}

// testOutput takes records, or does what answer says.
type testOutput struct {
	mu     sync.Mutex
	got    []string
	answer func(ctx context.Context, n int) error
	closed atomic.Bool
}

func (o *testOutput) Write(ctx context.Context, records []*Record) error {
	n := len(records)
	var err error
	if o.answer != nil {
		err = o.answer(ctx, n)
	}
	var retry *RetryError
	switch {
	case errors.As(err, &retry):
		n = retry.Done
	case err != nil:
		n = 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, hosts(records[:n])...)
	return err
}

func (o *testOutput) Close() error {
	o.closed.Store(true)
	return nil
}

func (o *testOutput) taken() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

func testRunner(o *testOutput, log *[]string) *runner {
	return &runner{target: &Target{Kind: &Kind{Name: "file"}, URL: "file:///x?y"}, queue: NewQueue(4, 1<<20), output: o,
		log: logging.To(func(format string, args ...any) { *log = append(*log, fmt.Sprintf(format, args...)) })}
}

// TestRetry: records that may be tried again are, each once, until the output takes them; meanwhile the queue drops.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		isAway := atomic.Bool{}
		isAway.Store(true)
		var calls atomic.Int32
		o := &testOutput{answer: func(context.Context, int) error {
			if calls.Add(1) == 1 {
				return Retry(1, errors.New("full"))
			}
			if isAway.Load() {
				return Retry(0, errors.New("away"))
			}
			return nil
		}}
		r := testRunner(o, &log)
		r.queue.Put(flowRecord(t, 0))
		r.queue.Put(flowRecord(t, 1))
		go r.run(t.Context())
		synctest.Wait()
		for i := 2; i < 10; i++ {
			r.queue.Put(flowRecord(t, i))
		}
		time.Sleep(10 * time.Minute)
		if s := r.state(); s.Written != 1 || s.Dropped != 4 || s.Waiting != 4 || s.Failed != 0 || s.Problem != "away" {
			t.Errorf("while it is away: %+v", s)
		}
		if n := calls.Load(); n < 20 {
			t.Errorf("it was tried %d times in 10 minutes", n)
		}
		isAway.Store(false)
		r.queue.Close()
		time.Sleep(time.Minute)
		if got := strings.Join(o.taken(), " "); got != "host0 host1 host6 host7 host8 host9" {
			t.Errorf("got %s", got)
		}
		if s := r.state(); s.Written != 6 || s.Problem != "" || !o.closed.Load() {
			t.Errorf("in the end: %+v", s)
		}
		if len(log) != 2 || !strings.Contains(log[1], "works again") {
			t.Errorf("logged %q", log)
		}
	})
}

// TestFailure: records that cannot be written are counted, and the next ones come anyway.
func TestFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		o := &testOutput{answer: func(_ context.Context, n int) error {
			if n == 2 {
				return errors.New("two are too many")
			}
			return nil
		}}
		r := testRunner(o, &log)
		r.queue.Put(flowRecord(t, 0))
		r.queue.Put(flowRecord(t, 1))
		go r.run(t.Context())
		synctest.Wait()
		r.queue.Put(flowRecord(t, 2))
		synctest.Wait()
		if s := r.state(); s.Written != 1 || s.Failed != 2 || !slices.Equal(o.taken(), []string{"host2"}) {
			t.Errorf("%+v, got %v", s, o.taken())
		}
		r.queue.Close()
	})
}

// TestLost: an output tells which records it can't write; the others are written, once.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := testRunner(&testOutput{answer: func(context.Context, int) error {
			if calls++; calls == 1 {
				return &RetryError{Err: errors.New("x"), Done: 2, Lost: 1}
			}
			return &LostError{Err: errors.New("y"), Lost: 1}
		}}, new([]string))
		for i := range 4 {
			r.queue.Put(flowRecord(t, i))
		}
		r.queue.Close()
		r.run(t.Context())
		if s := r.state(); s.Written != 2 || s.Failed != 2 || calls != 2 {
			t.Errorf("%+v after %d calls", s, calls)
		}
	})
}

// TestStalledOutput: an output that never returns delays no other, and ends with the context.
func TestStalledOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		stalled := testRunner(&testOutput{answer: func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return Retry(0, ctx.Err())
		}}, &log)
		healthy := &testOutput{}
		other := testRunner(healthy, &log)
		ctx, cancel := context.WithCancel(t.Context())
		in, agent := io.Pipe()
		follows := 0
		f := &follower{queues: []*Queue{stalled.queue, other.queue}, dropped: new(atomic.Uint64),
			unread: new(atomic.Uint64), log: logging.To(func(string, ...any) {}),
			follow: func(*control.Flows) (*control.Stream, error) {
				if follows++; follows > 1 {
					return nil, errEnds
				}
				return &control.Stream{Reader: in, Closer: in}, nil
			}}
		go f.run(true, nil)
		go stalled.run(ctx)
		go other.run(ctx)
		for i := range 50 {
			if _, err := agent.Write(append(flowLine(i), '\n')); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		agent.Close()
		time.Sleep(time.Minute)
		if n := len(healthy.taken()); n != 50 || !healthy.closed.Load() {
			t.Errorf("the healthy output got %d of 50 records", n)
		}
		if s := stalled.state(); s.Written != 0 || s.Dropped+uint64(s.Waiting) != 49 {
			t.Errorf("the stalled output: %+v", s)
		}
		cancel()
		synctest.Wait()
	})
}

// TestFollower: the stream is requested again when it ends, without what is past; what the agent dropped is counted.
func TestFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := [][]string{nil, {string(flowLine(0)), `{"type":"dropped","records":7}`, `{"type":"flow","id":1}`, `{`,
			`{"x":1}`, `{"type":"dns","schema":1,"dns":{}}`, string(flowLine(1)),
			`{"type":"position","epoch":"f","sequence":9}`},
			{string(flowLine(2))}}
		var asked []control.Flows
		q := NewQueue(100, 1<<20)
		f := &follower{stream: stream{"app:x", "dns,flow", true}, queues: []*Queue{q}, dropped: new(atomic.Uint64),
			unread: new(atomic.Uint64), log: logging.To(func(string, ...any) {})}
		f.follow = func(r *control.Flows) (*control.Stream, error) {
			asked = append(asked, *r)
			if r.After != nil { // which the next request changes
				asked[len(asked)-1].After = &control.Position{Epoch: r.After.Epoch, Sequence: r.After.Sequence}
			}
			if len(asked) > len(lines) {
				return nil, errEnds
			}
			these := lines[len(asked)-1]
			if these == nil {
				return nil, errors.New("not yet")
			}
			return &control.Stream{Reader: strings.NewReader(strings.Join(these, "\n") + "\n"),
				Closer: io.NopCloser(nil),
				Hello:  control.Hello{Position: control.Position{Epoch: "e", Sequence: 5}}}, nil
		}
		f.run(true, make(chan struct{}))
		got, isOver := q.Take(nil, 100)
		var types []string
		for _, r := range got {
			types = append(types, r.Type)
		}
		if !isOver || strings.Join(types, " ") != "flow dns flow flow" || f.dropped.Load() != 7 ||
			f.unread.Load() != 3 {
			t.Errorf("got %v, %d dropped, %d unread", types, f.dropped.Load(), f.unread.Load())
		}
		if string(got[1].Line) != lines[1][5] || got[1].Flow != nil {
			t.Errorf("the event is %s", got[1].Line)
		}
		for i, want := range []struct {
			last  int
			after string
		}{{pastRecords, ""}, {pastRecords, ""}, {0, "f 9"}, {0, "e 5"}} {
			if a := asked[i]; a.Last != want.last || after(a.After) != want.after || a.Filter != "app:x" ||
				!a.Follow || a.Ended || !slices.Equal(a.Types, []string{"dns", "flow"}) {
				t.Errorf("request %d: %+v", i, a)
			}
		}
	})
}

func after(p *control.Position) string {
	if p == nil {
		return ""
	}
	return fmt.Sprint(p.Epoch, " ", p.Sequence)
}

// TestFollowerLongLine: a line beyond the bound ends the stream, and takes no memory.
func TestFollowerLongLine(t *testing.T) {
	f := &follower{unread: new(atomic.Uint64), dropped: new(atomic.Uint64)}
	if err := f.read(io.NopCloser(strings.NewReader(strings.Repeat("x", 2*record.MaxLine)))); err == nil ||
		!strings.Contains(err.Error(), "bytes") {
		t.Errorf("error %v", err)
	}
	long := strings.Repeat("y", 200<<10) // longer than the reader's buffer
	q := NewQueue(9, 1<<20)
	f.queues = []*Queue{q}
	line := `{"type":"http","x":"` + long + `"}`
	if err := f.read(io.NopCloser(strings.NewReader(line + "\n" + line + "\n"))); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if got, _ := q.Take(nil, 9); len(got) != 2 || string(got[0].Line) != line || string(got[1].Line) != line {
		t.Errorf("got %d lines", len(got))
	}
}

// FuzzRecord: any line is a record, a number of dropped ones, or an error; a record's line is what came.
func FuzzRecord(f *testing.F) {
	f.Add(flowLine(1))
	f.Add([]byte(`{"type":"dropped","records":3}`))
	f.Add([]byte(`{"type":"stats","schema":1}`))
	f.Add([]byte(`{"type":"flow","id":[]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, other, err := readRecord(line)
		if (r != nil) == (other.Type == "dropped" || other.Type == "position" || err != nil) {
			t.Fatalf("record %v, notice %v, error %v", r, other, err)
		}
		if r != nil && (string(r.Line) != string(line) || r.Type == "" || (r.Flow != nil) != (r.Type == "flow")) {
			t.Fatalf("%q became %+v", line, r)
		}
	})
}

// testKind takes any parameter of each sort.
var testKind = &Kind{Name: "file", Schemes: []string{"file", "test"}, Example: "file:///a/b?n=3",
	Parse: func(u *url.URL, p *Parameters) (*Made, error) {
		path, err := FilePath(u)
		p.Int("n", 1, 0, 9)
		p.Duration("d", time.Second, 0, time.Hour)
		p.Bytes("b", 1, 0, 1<<40)
		p.OneOf("o", "one", "two")
		p.Bool("t")
		p.File("f")
		return &Made{Folder: "/a", Path: path}, err
	}}

func TestPlan(t *testing.T) {
	p, err := NewPlan([]*Kind{testKind}, []string{
		"file:///a/b?queue=4MiB&where=host=a.example port=443&types=dns,flow&f=/x/y",
		"file:///a/c?live=true&n=9&d=1h&b=1.5MB&o=two&t=true&f=/x/y", "file:///a/d"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Folders, []string{"/a"}) || !slices.Equal(p.Files, []string{"/x/y"}) || len(p.streams()) != 3 {
		t.Errorf("plan %+v, streams %v", p, p.streams())
	}
	if first := p.Targets[0]; first.Queue != 4<<20 || first.Where != "host=a.example port=443" ||
		first.String() != "file:///a/b" || !slices.Equal(first.Types, []string{"dns", "flow"}) || first.Live {
		t.Errorf("the first output: %+v", first)
	}
	if !p.Targets[1].Live {
		t.Error("the second output gets no live flows")
	}
}

// TestPlanErrors: an error says what is wrong with a URL, and what to write.
func TestPlanErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "must begin with file:// or test://",
		"/a/b":                      "must begin with file:// or test://",
		"kafka://x":                 "must begin with",
		"file://a/b":                "third slash",
		"file:///":                  "path of a file is missing",
		"file:///a/":                "path of a file is missing",
		"file:a/b":                  "path of a file is missing",
		"file://u@/a":               "no user",
		"file:///a/b#c":             "%23",
		"file://u:secret@/a/b":      "password_file=",
		"file:///a/b?x=1":           `no parameter "x": the parameters are b, d, f, live, n, o, queue, t, types, where`,
		"file:///a/b?n=1&n=2":       "once",
		"file:///a/b?n=10":          "from 0 to 9",
		"file:///a/b?n=":            "from 0 to 9",
		"file:///a/b?d=2h":          "such as 90s or 24h",
		"file:///a/b?b=3":           "such as 100MB",
		"file:///a/b?b=-3MB":        "such as 100MB",
		"file:///a/b?b=NaNB":        "such as 100MB",
		"file:///a/b?b=infTB":       "such as 100MB",
		"file:///a/b?o=three":       "one or two",
		"file:///a/b?t=yes":         "false or true",
		"file:///a/b?f=y":           "whole path",
		"file:///a/b?where=app:(":   "where=",
		"file:///a/b?where=agent:1": "where=",
		"file:///a/b?types=flows":   "flow, dns, http, tls, stats",
		"file:///a/b?types=dns,dns": "twice",
		"file:///a/b?queue=1kB":     "from 1MiB to 1GiB",
		"file:///a/b?n=%zz":         "parameters",
		"file:///a/b%zz":            "escape",
	} {
		_, err := NewPlan([]*Kind{testKind}, []string{text})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, which lacks %q", text, err, want)
		}
		if strings.HasPrefix(text, "file:///a/b?") && err != nil && !strings.Contains(err.Error(), testKind.Example) &&
			!strings.Contains(text, "%zz") {
			t.Errorf("%s: %v lacks the example", text, err)
		}
	}
	if _, err := NewPlan([]*Kind{testKind}, []string{"file:///a/b?types=dns,flow&where=app:a"}); err == nil ||
		!strings.Contains(err.Error(), "app is known of flows only") {
		t.Errorf("a filter of what events lack: %v", err)
	}
	if _, err := NewPlan([]*Kind{testKind}, []string{"file:///a/b", "test:///a/./b?n=2", "x:"}); err == nil ||
		!strings.Contains(err.Error(), "another output writes there") || !strings.Contains(err.Error(), `"x:"`) {
		t.Errorf("error %v", err)
	}
	var many []string
	for i := range maxStreams + 1 {
		many = append(many, fmt.Sprintf("file:///a/%d?where=port:%d", i, i+1))
	}
	if _, err := NewPlan([]*Kind{testKind}, many); err == nil || !strings.Contains(err.Error(), "different choices") {
		t.Errorf("error %v", err)
	}
	if _, err := NewPlan([]*Kind{testKind}, slices.Repeat(many, 2)); err == nil ||
		!strings.Contains(err.Error(), "at most 16") {
		t.Errorf("error %v", err)
	}
}

// FuzzPlan: any URL is a plan or an error.
func FuzzPlan(f *testing.F) {
	f.Add("file:///a/b?where=host=a.example port=443&types=dns,flow")
	f.Add("test:///a?b=1.5MB&n=3")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := NewPlan([]*Kind{testKind}, []string{text})
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
	})
}

// longServer is a listener with a long URL.
type longServer string

func (longServer) Run(context.Context, Feed) error { return nil }

func (s longServer) State() control.ListenerState {
	return control.ListenerState{At: string(s), Limit: 1 << 30}
}

// TestStateSize: what the process tells the agent fits into a request, even with the longest names and problems.
func TestStateSize(t *testing.T) {
	long := strings.Repeat("é\x00", 4000)
	var told control.Exported
	for range maxTargets {
		r := testRunner(&testOutput{}, new([]string))
		r.target.URL = "file:///" + long
		r.problem.Store(&long)
		told.Outputs = append(told.Outputs, r.state())
	}
	told.Listeners = listening(slices.Repeat([]Server{longServer(long)}, 100))
	text, err := json.Marshal(&control.Request{Exported: &told})
	if err != nil || len(text) > 31<<10 || len(told.Listeners) != 16 {
		t.Errorf("%d bytes, error %v", len(text), err)
	}
}
