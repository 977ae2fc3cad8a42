// SPDX-License-Identifier: Apache-2.0

// Package ingest takes what agents send over the network: reports, and requests to enrol. It checks who sends before it
// reads, and how much there is before it decompresses; it answers yes once the reports are in the queue, on disk.
package ingest

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/sink/problem"
	"github.com/weirnet/weir/internal/sink/queue"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

// Agents knows who may send.
type Agents interface {
	Key(id string) (ed25519.PublicKey, bool)
}

// Queue keeps reports.
type Queue interface {
	Append(ctx context.Context, reports []store.Report) error
}

// Limits of all requests together.
const (
	// memory is for bodies, the windows of their compression, and a line of what is in each.
	memory = 64 << 20
	// decoders may run at a time: each has a window and a line of its own.
	decoders = 2
	// decoderWait is how long a request waits for a decoder.
	decoderWait = 5 * time.Second
	// readPause is the longest pause between two pieces of a body, readTime the longest time for all of it.
	readPause = 20 * time.Second
	readTime  = 5 * time.Minute

	retryBusy  = 5 * time.Second
	retryQueue = 30 * time.Second
)

// Ingest is the handler of uplink.ReportsPath.
type Ingest struct {
	agents   Agents
	queue    Queue
	counters *status.Counters
	now      func() time.Time

	seen    *seen
	limiter *limiter
	memory  budget
	decoder chan *reader
	pause   time.Duration // readPause; tests have less of it

	mu    sync.Mutex
	whole map[string]bool // agents that are to send their flows whole
}

// New returns an Ingest.
func New(agents Agents, queue Queue, counters *status.Counters, now func() time.Time) *Ingest {
	in := &Ingest{agents: agents, queue: queue, counters: counters, now: now, seen: newSeen(),
		limiter: newLimiter(now), memory: budget{most: memory}, decoder: make(chan *reader, decoders),
		pause: readPause, whole: map[string]bool{}}
	for range decoders {
		in.decoder <- &reader{}
	}
	return in
}

// Know notes that reports of an epoch have come, from the first to the last sequence.
func (in *Ingest) Know(agent, epoch string, first, last uint64) {
	if first > 0 && last >= first && last < 1<<63 {
		in.seen.add(agent, epoch, first, last)
	}
}

// WantWhole makes the next answer to these agents ask for whole flows.
func (in *Ingest) WantWhole(agents []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, agent := range agents {
		if _, ok := in.agents.Key(agent); ok { // so the list is bounded
			in.whole[agent] = true
		}
	}
}

// wantsWhole reports whether to ask an agent, once.
func (in *Ingest) wantsWhole(agent string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	wants := in.whole[agent]
	delete(in.whole, agent)
	return wants
}

// refusal is an answer other than yes.
type refusal struct {
	status int
	cause  status.Cause
	typ    string
	detail string
	retry  time.Duration
}

func (r *refusal) write(w http.ResponseWriter, c *status.Counters) {
	c.Refuse(r.cause)
	if r.retry > 0 {
		problem.Retry(w, r.retry)
	}
	problem.WriteType(w, r.status, r.typ, r.detail)
}

// ServeHTTP takes reports.
func (in *Ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, no := in.serve(w, r)
	reply(w, in.counters, answer, no)
}

// reply writes the answer, or the refusal unless that is nil.
func reply(w http.ResponseWriter, c *status.Counters, answer any, no *refusal) {
	if no != nil {
		no.write(w, c)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the agent may be gone: it asks again
}

func (in *Ingest) serve(w http.ResponseWriter, r *http.Request) (*uplink.Reports, *refusal) {
	encoding, no := checkHeader(w, r)
	if no != nil {
		return nil, no
	}
	agent := r.Header.Get(uplink.AgentHeader)
	key, ok := in.agents.Key(agent)
	if !ok {
		return nil, unknownAgent()
	}
	if !in.limiter.enter(agent) {
		return nil, &refusal{http.StatusTooManyRequests, status.CauseRate, "",
			fmt.Sprintf("more than %d requests of this agent are under way", maxUnderWay), retryBusy}
	}
	defer in.limiter.leave(agent)
	body := buffer{budget: &in.memory}
	defer body.release()
	if no := in.readBody(w, r, &body); no != nil {
		return nil, no
	}
	if no := in.verify(r, agent, key, body.b); no != nil {
		return nil, no
	}
	if wait := in.limiter.take(agent); wait > 0 {
		return nil, &refusal{http.StatusTooManyRequests, status.CauseRate, "",
			fmt.Sprintf("more than %d requests a second of this agent", perSecond), wait}
	}
	in.counters.Requests.Add(1)
	in.counters.BytesIn.Add(uint64(len(body.b)))
	t := &taken{in: in, agent: agent, here: newSeen(), answer: &uplink.Reports{Reports: []uplink.Receipt{}}}
	defer func() { in.memory.give(t.held) }()
	if no := in.decode(r.Context(), encoding, body.b, t); no != nil {
		return nil, no
	}
	body.release()
	return t.finish(r.Context())
}

// checkHeader checks what does not depend on the agent.
func checkHeader(w http.ResponseWriter, r *http.Request) (encoding string, no *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return "", &refusal{http.StatusMethodNotAllowed, status.CauseMethod, "", "reports are sent with POST", 0}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != uplink.ContentType {
		return "", &refusal{http.StatusUnsupportedMediaType, status.CauseMethod, "",
			"Content-Type has to be " + uplink.ContentType, 0}
	}
	encoding = strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ","))
	switch encoding {
	case "", "identity", "gzip", "zstd":
	default:
		return "", &refusal{http.StatusUnsupportedMediaType, status.CauseMethod, "",
			"Content-Encoding has to be zstd, gzip or absent", 0}
	}
	if r.ContentLength > uplink.MaxBody {
		return "", tooLarge(fmt.Sprintf("the body has more than %d bytes", uplink.MaxBody))
	}
	return encoding, nil
}

func tooLarge(detail string) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, status.CauseSize, "", detail, 0}
}

func unknownAgent() *refusal {
	return &refusal{http.StatusUnauthorized, status.CauseUnknown, uplink.ProblemUnknownAgent,
		"this agent has not enrolled here, or was revoked", 0}
}

func busy(what string) *refusal {
	return &refusal{http.StatusServiceUnavailable, status.CauseBusy, "", what, retryBusy}
}

// readBody reads the body as sent. A slow sender holds as much memory as it has sent.
func (in *Ingest) readBody(w http.ResponseWriter, r *http.Request, to *buffer) *refusal {
	slow := &slowReader{in: r.Body, control: http.NewResponseController(w), pause: in.pause,
		end: time.Now().Add(readTime)}
	switch err := to.fill(slow, uplink.MaxBody); {
	case err == nil:
		return nil
	case errors.Is(err, errSize):
		return tooLarge(fmt.Sprintf("the body has more than %d bytes", uplink.MaxBody))
	case errors.Is(err, errMemory):
		return busy("too many requests are under way")
	}
	return &refusal{http.StatusRequestTimeout, status.CauseRead, "", "the body broke off, or came too slowly", 0}
}

// slowReader gives every piece of a body a deadline of its own.
type slowReader struct {
	in      io.Reader
	control *http.ResponseController
	pause   time.Duration // the longest one between two pieces
	end     time.Time
}

func (s *slowReader) Read(b []byte) (int, error) {
	deadline := time.Now().Add(s.pause)
	if deadline.After(s.end) {
		deadline = s.end
	}
	if err := s.control.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return s.in.Read(b)
}

func (in *Ingest) verify(r *http.Request, agent string, key ed25519.PublicKey, body []byte) *refusal {
	switch err := uplink.Verify(r, key, in.now(), body); {
	case errors.Is(err, uplink.ErrClockSkew):
		return clockSkew(err)
	case err != nil:
		return &refusal{http.StatusUnauthorized, status.CauseSignature, "", err.Error(), 0}
	}
	if _, ok := in.agents.Key(agent); !ok { // revoked while its body came
		return unknownAgent()
	}
	return nil
}

func clockSkew(err error) *refusal {
	return &refusal{http.StatusUnauthorized, status.CauseClock, uplink.ProblemClock,
		err.Error() + "; the header Date has the sink's time", 0}
}

// decode decompresses the body, and takes what is in it.
func (in *Ingest) decode(ctx context.Context, encoding string, body []byte, t *taken) *refusal {
	wait := time.NewTimer(decoderWait)
	defer wait.Stop()
	var d *reader
	select {
	case d = <-in.decoder:
		defer func() { in.decoder <- d }()
	case <-wait.C:
		return busy("all decoders are in use")
	case <-ctx.Done():
		return busy("the request ended")
	}
	switch err := d.lines(encoding, body, &in.memory, t.line); {
	case err == nil:
		return nil
	case errors.Is(err, errSize):
		return tooLarge(err.Error())
	case errors.Is(err, errMemory):
		return busy("too many requests are under way")
	default:
		return &refusal{http.StatusBadRequest, status.CauseMalformed, "", err.Error(), 0}
	}
}

// taken is what a request brings.
type taken struct {
	in         *Ingest
	agent      string
	answer     *uplink.Reports
	fresh      []store.Report
	here       *seen
	unreadable int
	held       int64 // of the memory, for fresh
	// What finish counts, once the body is known to be within the limits.
	bytes, duplicates uint64
	broken, foreign   int // reports
}

// line takes a report, which came in that frame, if any. It is packed at once, as the queue keeps it: what was read is
// let go.
func (t *taken) line(line, frame []byte) error {
	in := t.in
	t.bytes += uint64(len(line) + 1)
	e, err := readEnvelope(line)
	receipt := uplink.Receipt{Epoch: e.epoch, Sequence: e.sequence, Result: uplink.Refused}
	switch {
	case errors.Is(err, errSyntax):
		t.unreadable++
		receipt.Reason = err.Error()
	case err != nil:
		receipt.Reason = err.Error()
		t.broken++
	case e.agent != t.agent:
		receipt.Reason = "a report of another agent"
		t.foreign++
	case in.seen.has(t.agent, e.epoch, e.sequence) || t.here.has(t.agent, e.epoch, e.sequence):
		receipt.Result = uplink.Duplicate
		t.duplicates++
	default:
		receipt.Result = uplink.Stored
		t.here.add(t.agent, e.epoch, e.sequence, e.sequence)
		packed := queue.Pack(line, frame)
		if !in.memory.take(int64(len(packed))) {
			return errMemory
		}
		t.held += int64(len(packed))
		t.fresh = append(t.fresh, store.Report{Agent: t.agent, Epoch: e.epoch, Sequence: e.sequence,
			Received: in.now(), Line: packed})
	}
	t.answer.Reports = append(t.answer.Reports, receipt)
	return nil
}

// finish puts the reports that are new into the queue.
func (t *taken) finish(ctx context.Context) (*uplink.Reports, *refusal) {
	in := t.in
	if t.unreadable == len(t.answer.Reports) {
		return nil, &refusal{http.StatusBadRequest, status.CauseMalformed, "", "the body has no report", 0}
	}
	in.counters.BytesOut.Add(t.bytes)
	in.counters.Duplicates.Add(t.duplicates)
	for range t.unreadable + t.broken {
		in.counters.Refuse(status.CauseReport)
	}
	for range t.foreign {
		in.counters.Refuse(status.CauseForeign)
	}
	if err := in.queue.Append(ctx, t.fresh); err != nil {
		detail := "the sink can't write to its disk"
		if errors.Is(err, queue.ErrFull) {
			detail = "the sink's queue or disk is full"
		}
		return nil, &refusal{http.StatusServiceUnavailable, status.CauseQueue, "", detail, retryQueue}
	}
	for i := range t.fresh {
		in.seen.add(t.agent, t.fresh[i].Epoch, t.fresh[i].Sequence, t.fresh[i].Sequence)
	}
	in.counters.Received.Add(uint64(len(t.fresh)))
	t.answer.WholeFlows = in.wantsWhole(t.agent)
	return t.answer, nil
}
