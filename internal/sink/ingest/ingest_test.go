// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weirnet/weir/internal/sink/agents"
	"github.com/weirnet/weir/internal/sink/queue"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

// bench is an Ingest with one agent, a clock and a queue in memory.
type bench struct {
	t        testing.TB
	key      ed25519.PrivateKey
	now      time.Time
	revoked  bool
	queued   []store.Report
	fails    error
	counters status.Counters
	in       *Ingest
}

func newBench(t testing.TB) *bench {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, key: key, now: time.Unix(1_800_000_000, 0)}
	b.in = New(b, b, &b.counters, func() time.Time { return b.now })
	return b
}

func (b *bench) id() string { return uplink.AgentID(b.key.Public().(ed25519.PublicKey)) }

func (b *bench) Key(id string) (ed25519.PublicKey, bool) {
	return b.key.Public().(ed25519.PublicKey), id == b.id() && !b.revoked
}

func (b *bench) Append(_ context.Context, reports []store.Report) error {
	if b.fails != nil {
		return b.fails
	}
	for _, r := range reports {
		r.Line = bytes.Clone(r.Line)
		b.queued = append(b.queued, r)
	}
	return nil
}

// line returns a report.
func (b *bench) line(sequence int) string { return line(b.id(), sequence) }

func line(agent string, sequence int) string {
	return fmt.Sprintf(`{"type":"report","schema":1,"agent":{"id":"%s","version":"test"},"epoch":"%032x",`+
		`"sequence":%d,"period":{"begin":"2027-01-15T08:00:00.000000000Z","end":"2027-01-15T08:00:15.000000000Z",`+
		`"begin_monotonic_ns":1,"end_monotonic_ns":2},"health":{},"interfaces":[],"totals":{},"devices":[],"flows":[]}`,
		agent, 7, sequence)
}

// request returns a signed request.
func (b *bench) request(encoding string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, uplink.ReportsPath, bytes.NewReader(body))
	r.Header.Set("Content-Type", uplink.ContentType)
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	uplink.Sign(r, b.key, b.now, body)
	return r
}

func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.in.ServeHTTP(w, r)
	if used := b.in.memory.used.Load(); used != 0 {
		b.t.Errorf("%d bytes of memory are not given back", used)
	}
	if len(b.in.decoder) != decoders {
		b.t.Error("a decoder is not given back")
	}
	return w
}

// send sends a body and returns the receipts.
func (b *bench) send(encoding string, body []byte) uplink.Reports {
	b.t.Helper()
	w := b.do(b.request(encoding, body))
	var answer uplink.Reports
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &answer) != nil {
		b.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return answer
}

func zstdOf(t testing.TB, text []byte, options ...zstd.EOption) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(text, nil)
}

func gzipOf(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReceipts: each report has its receipt, in order; what is new is in the queue, once.
func TestReceipts(t *testing.T) {
	b := newBench(t)
	b.in.Know(b.id(), fmt.Sprintf("%032x", 7), 1, 4)
	text := strings.Join([]string{b.line(5), "", b.line(3), b.line(7) + "\r", b.line(7),
		line(strings.Repeat("a", 32), 8), strings.Replace(b.line(9), `"schema":1`, `"schema":2`, 1), "{",
		b.line(6)}, "\n")
	answer := b.send("zstd", zstdOf(t, []byte(text)))
	want := []struct {
		sequence uint64
		result   uplink.Result
	}{{5, uplink.Stored}, {3, uplink.Duplicate}, {7, uplink.Stored}, {7, uplink.Duplicate}, {8, uplink.Refused},
		{9, uplink.Refused}, {0, uplink.Refused}, {6, uplink.Stored}}
	if len(answer.Reports) != len(want) || answer.WholeFlows {
		t.Fatalf("%+v", answer)
	}
	for i, w := range want {
		if r := answer.Reports[i]; r.Sequence != w.sequence || r.Result != w.result ||
			(r.Reason == "") != (w.result != uplink.Refused) {
			t.Errorf("receipt %d is %+v, want %+v", i, r, w)
		}
	}
	if len(b.queued) != 3 || string(b.queued[1].Line) != b.line(7) || !b.queued[0].Received.Equal(b.now) {
		t.Errorf("queued: %+v", b.queued)
	}
	s := b.counters.Snapshot()
	if s.Received != 3 || s.Duplicates != 2 || s.Refused["report"] != 2 || s.Refused["foreign-agent"] != 1 {
		t.Errorf("counted %+v", s)
	}
	b.in.WantWhole([]string{b.id(), "unknown"})
	if !b.send("", []byte(b.line(5))).WholeFlows || b.send("", []byte(b.line(5))).WholeFlows {
		t.Error("whole flows are to be asked for once")
	}
}

// TestEncodings: bodies may be compressed in one piece or in several.
func TestEncodings(t *testing.T) {
	b := newBench(t)
	n := 0
	for _, encoding := range []string{"", "identity", "zstd", "gzip", "GZIP"} {
		var body []byte
		for range 3 {
			n++
			part := []byte(b.line(n) + "\n")
			switch strings.ToLower(encoding) {
			case "zstd":
				part = zstdOf(t, part)
			case "gzip":
				part = gzipOf(t, part)
			}
			body = append(body, part...)
		}
		for _, r := range b.send(encoding, body).Reports {
			if r.Result != uplink.Stored {
				t.Errorf("%s: %+v", encoding, r)
			}
		}
	}
	if len(b.queued) != n {
		t.Errorf("%d reports are queued of %d", len(b.queued), n)
	}
}

// TestRefusals: each wrong request has its status, its type and its counter, and leaves nothing behind.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		cause  status.Cause
		typ    string
		make   func(b *bench) *http.Request
	}{
		{"GET", 405, status.CauseMethod, "", func(b *bench) *http.Request {
			r := b.request("", []byte(b.line(1)))
			r.Method = http.MethodGet
			return r
		}},
		{"another type", 415, status.CauseMethod, "", with("Content-Type", "application/json")},
		{"no type", 415, status.CauseMethod, "", with("Content-Type", "")},
		{"another encoding", 415, status.CauseMethod, "", with("Content-Encoding", "br")},
		{"two encodings", 415, status.CauseMethod, "", with("Content-Encoding", "gzip, gzip")},
		{"an unknown agent", 401, status.CauseUnknown, uplink.ProblemUnknownAgent,
			with(uplink.AgentHeader, strings.Repeat("0", 32))},
		{"no agent", 401, status.CauseUnknown, uplink.ProblemUnknownAgent, with(uplink.AgentHeader, "")},
		{"revoked", 401, status.CauseUnknown, uplink.ProblemUnknownAgent, func(b *bench) *http.Request {
			b.revoked = true
			return b.request("", []byte(b.line(1)))
		}},
		{"no signature", 401, status.CauseSignature, "", with(uplink.SignatureHeader, "")},
		{"a late request", 401, status.CauseClock, uplink.ProblemClock, func(b *bench) *http.Request {
			r := b.request("", []byte(b.line(1)))
			b.now = b.now.Add(uplink.MaxClockSkew + time.Second)
			return r
		}},
		{"a declared length over the limit", 413, status.CauseSize, "", func(b *bench) *http.Request {
			r := b.request("", nil)
			r.ContentLength = uplink.MaxBody + 1
			return r
		}},
		{"a length over the limit", 413, status.CauseSize, "", func(b *bench) *http.Request {
			r := b.request("", make([]byte, uplink.MaxBody+1))
			r.ContentLength = -1
			return r
		}},
		{"a body that breaks off", 408, status.CauseRead, "", func(b *bench) *http.Request {
			r := b.request("", []byte(b.line(1)))
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{}))
			return r
		}},
		{"nothing", 400, status.CauseMalformed, "", body("", "")},
		{"empty lines", 400, status.CauseMalformed, "", body("", "\n\n \n")},
		{"no JSON", 400, status.CauseMalformed, "", body("", "hello\nworld")},
		{"no zstd", 400, status.CauseMalformed, "", body("zstd", "{}")},
		{"no gzip", 400, status.CauseMalformed, "", body("gzip", "{}")},
		{"too many reports", 413, status.CauseSize, "", func(b *bench) *http.Request {
			return b.request("", []byte(strings.Repeat(b.line(1)+"\n", uplink.MaxCount+1)))
		}},
		{"a full queue", 503, status.CauseQueue, "", func(b *bench) *http.Request {
			b.fails = queue.ErrFull
			return b.request("", []byte(b.line(1)))
		}},
		{"a broken disk", 503, status.CauseQueue, "", func(b *bench) *http.Request {
			b.fails = errors.New("EIO")
			return b.request("", []byte(b.line(1)))
		}},
		{"no memory", 503, status.CauseBusy, "", func(b *bench) *http.Request {
			b.in.memory.most = 100
			return b.request("", []byte(b.line(1)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			w := b.do(c.make(b))
			var p uplink.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Status != c.status ||
				p.Type != c.typ || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s, want %d %q", w.Code, w.Body, c.status, c.typ)
			}
			if (w.Header().Get("Retry-After") != "") != (c.status == 503 || c.status == 429) {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
			if b.counters.Refused(c.cause) != 1 || len(b.queued) != 0 {
				t.Errorf("counted %v, queued %d", b.counters.Snapshot().Refused, len(b.queued))
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func with(name, value string) func(b *bench) *http.Request {
	return func(b *bench) *http.Request {
		r := b.request("", []byte(b.line(1)))
		r.Header.Set(name, value)
		return r
	}
}

func body(encoding, text string) func(b *bench) *http.Request {
	return func(b *bench) *http.Request { return b.request(encoding, []byte(text)) }
}

// TestQueueFails: after a no the same report is taken, not called a duplicate.
func TestQueueFails(t *testing.T) {
	b := newBench(t)
	b.fails = queue.ErrFull
	b.do(b.request("", []byte(b.line(1))))
	b.fails = nil
	if r := b.send("", []byte(b.line(1))).Reports; r[0].Result != uplink.Stored || len(b.queued) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestRate: an agent has a burst, then so many requests a second; and only so many under way.
func TestRate(t *testing.T) {
	b := newBench(t)
	for range burst {
		b.send("", []byte(b.line(1)))
	}
	w := b.do(b.request("", []byte(b.line(1))))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, %q", w.Code, w.Header())
	}
	b.now = b.now.Add(time.Second)
	for range perSecond {
		b.send("", []byte(b.line(1)))
	}
	if w := b.do(b.request("", []byte(b.line(1)))); w.Code != http.StatusTooManyRequests {
		t.Errorf("%d", w.Code)
	}
	b.now = b.now.Add(time.Hour)
	for range maxUnderWay {
		if !b.in.limiter.enter(b.id()) {
			t.Fatal("no room")
		}
	}
	if w := b.do(b.request("", []byte(b.line(1)))); w.Code != http.StatusTooManyRequests {
		t.Errorf("%d", w.Code)
	}
	b.in.limiter.leave(b.id())
	b.send("", []byte(b.line(1)))
}

// TestEnrol: whatever is wrong with a code, the answer is the same; a right one is taken once.
func TestEnrol(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	clock := func() time.Time { return now }
	registry, err := agents.Open(filepath.Join(t.TempDir(), "agents.json"), clock)
	if err != nil {
		t.Fatal(err)
	}
	var counters status.Counters
	e := NewEnrol(registry, &counters, clock)
	request := func(key, signer ed25519.PrivateKey, code, name string) *httptest.ResponseRecorder {
		text, _ := json.Marshal(uplink.Enrolment{Code: code, PublicKey: key.Public().(ed25519.PublicKey), Name: name})
		r := httptest.NewRequest(http.MethodPost, uplink.EnrolPath, bytes.NewReader(text))
		uplink.Sign(r, signer, now, text)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	_, key, _ := ed25519.GenerateKey(nil)
	_, other, _ := ed25519.GenerateKey(nil)
	newCode := func(name string) string {
		c, _, err := registry.NewCode(name, [16]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		return c.String()
	}
	used, expired := newCode("a"), newCode("b")
	if w := request(key, key, used, "gw"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"name":"a"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := request(key, key, used, "gw"); w.Code != http.StatusOK {
		t.Errorf("asked again by the same agent: %d", w.Code)
	}
	now = now.Add(agents.CodeLife / 2)
	refused := map[string]bool{}
	for _, code := range []string{used, uplink.NewCode([16]byte{1}).String(), "no code"} {
		w := request(other, other, code, "gw")
		refused[fmt.Sprint(w.Code, w.Header(), w.Body)] = true
	}
	now = now.Add(agents.CodeLife)
	w := request(other, other, expired, "gw")
	refused[fmt.Sprint(w.Code, w.Header(), w.Body)] = true
	if len(refused) != 1 || w.Code != http.StatusForbidden {
		t.Errorf("the answers differ: %v", refused)
	}
	fresh := newCode("c")
	if w := request(other, key, fresh, "gw"); w.Code != http.StatusUnauthorized {
		t.Errorf("signed by another key: %d", w.Code)
	}
	if w := request(other, other, fresh, "\x1b[31m"); w.Code != http.StatusBadRequest {
		t.Errorf("a name for a terminal: %d", w.Code)
	}
	long := strings.Repeat("x", maxEnrolment)
	if w := request(other, other, fresh, long); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", w.Code)
	}
	if w := request(other, other, fresh, "gw"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	limited := false
	for range 2 * burst {
		limited = limited || request(other, other, "no code", "gw").Code == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("codes may be guessed without a limit")
	}
}

// TestSlowBody: a body that does not come is given up, over HTTP/1.1 and HTTP/2, and its memory is given back.
func TestSlowBody(t *testing.T) {
	for _, isHTTP2 := range []bool{false, true} {
		b := newBench(t)
		b.in.pause = 50 * time.Millisecond
		server := httptest.NewUnstartedServer(b.in)
		server.EnableHTTP2 = isHTTP2
		server.StartTLS()
		body, slow := io.Pipe()
		r, err := http.NewRequest(http.MethodPost, server.URL+uplink.ReportsPath, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = b.request("", nil).Header
		go func() { _, _ = slow.Write([]byte("{")) }()
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusRequestTimeout || (answer.ProtoMajor == 2) != isHTTP2 {
			t.Errorf("%s %s", answer.Proto, answer.Status)
		}
		slow.Close()
		server.Close()
		if used := b.in.memory.used.Load(); used != 0 || b.counters.Refused(status.CauseRead) != 1 {
			t.Errorf("%d bytes of memory are not given back", used)
		}
	}
}
