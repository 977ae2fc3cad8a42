// SPDX-License-Identifier: Apache-2.0

// Package upload sends the spool's reports to a sink. It sends a report until the sink says what became of it, oldest
// first, and waits ever longer while the sink is away.
package upload

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/uplink"
)

// Queue is where the reports are: a spool.
type Queue interface {
	Oldest(count, bytes int) ([]spool.Report, error)
	Done(names ...spool.Name) error
	Refuse(name spool.Name, reason string) error
}

// Config configures an Uploader.
type Config struct {
	URL     string // of the sink: scheme https, host and port
	Key     ed25519.PrivateKey
	Version string // of the agent
	// Authority has the certificates, in PEM, of which one has to have signed the sink's; empty: the system's roots.
	Authority []byte
	// Certificate is the agent's own, for a sink that wants one.
	Certificate *tls.Certificate
	// Batch bounds the bytes of a request with several reports; default 1 MiB.
	Batch int
	// Rate bounds the bytes per second while the uploader catches up; default 1 MiB.
	Rate int
	// WholeFlows is called when the sink requests that the next report has its flows whole.
	WholeFlows func()
	// Delivered is called with the reports that the sink has.
	Delivered func([]spool.Name)
	// Dial connects; default a net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock that people set; default time.Now.
	Now func() time.Time
}

const (
	defaultBatch, defaultRate = 1 << 20, 1 << 20
	// firstWait and maxWait bound the time between attempts; slowWait is that while only people can help. With maxWait
	// a sink that is away sees an attempt each 20 s on average, and has everything a minute after its return.
	firstWait, maxWait, slowWait = time.Second, 40 * time.Second, 5 * time.Minute
	// minPause bounds the requests a second while the uploader catches up, as the sink does.
	minPause = 100 * time.Millisecond
	// maxRetryAfter bounds what a sink can ask for.
	maxRetryAfter = time.Hour
	// maxRequest bounds a request: 8 MiB at 256 kbit/s take 4 minutes.
	maxRequest = 6 * time.Minute
	// maxResponseDelay is the time between the end of a request and the answer's head.
	maxResponseDelay = time.Minute
)

// Phase says how it goes.
type Phase string

// Phases.
const (
	Starting  Phase = "starting"  // nothing sent yet
	Connected Phase = "connected" // the sink took the last report
	Waiting   Phase = "waiting"   // the last attempt failed; the next one may not
	Rejected  Phase = "rejected"  // the sink does not know the agent, or does not understand it: people have to act
)

// State describes an Uploader.
type State struct {
	Phase       Phase
	Since       time.Time // of the phase
	LastSuccess time.Time // zero: none yet
	NextAttempt time.Time // zero: at the next report
	Error       string    // of the last attempt, "" after a success
	Attempts    uint64
	Failures    uint64
	Sent        uint64 // reports that the sink has
	Duplicates  uint64 // of them, those that it had already
	Refused     uint64
	Bytes       uint64 // of requests with reports that the sink has
	// ClockOffset is the sink's clock less ours, to a second, by its last answer; HasClockOffset: there was one.
	ClockOffset    time.Duration
	HasClockOffset bool
}

// Uploader sends reports.
type Uploader struct {
	queue  Queue
	config Config
	url    string
	client *http.Client
	wake   chan struct{}

	// Of Run alone.
	count    int // reports of the next request at most
	failures int // since the last success
	offset   time.Duration
	// hasNewOffset: the clock was corrected, and no request has succeeded since.
	hasNewOffset bool

	mutex sync.Mutex
	state State
}

// New returns an Uploader.
func New(q Queue, c Config) (*Uploader, error) {
	c.Batch, c.Rate = min(cmp.Or(c.Batch, defaultBatch), uplink.MaxBody), cmp.Or(c.Rate, defaultRate)
	if c.Now == nil {
		c.Now = time.Now
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("the sink's address %q is no https URL", c.URL)
	case len(c.Key) != ed25519.PrivateKeySize:
		return nil, errors.New("the agent has no key")
	}
	client, err := newClient(&c)
	if err != nil {
		return nil, err
	}
	return &Uploader{queue: q, config: c, url: u.JoinPath(uplink.ReportsPath).String(), client: client,
		wake: make(chan struct{}, 1), count: uplink.MaxCount, state: State{Phase: Starting, Since: time.Now()}}, nil
}

// Wake says that there is a new report.
func (u *Uploader) Wake() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// State returns the state.
func (u *Uploader) State() State {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.state
}

// Run sends reports until the context ends.
func (u *Uploader) Run(ctx context.Context) {
	defer u.client.CloseIdleConnections()
	for ctx.Err() == nil {
		reports, err := u.queue.Oldest(u.count, u.config.Batch)
		if err != nil {
			u.failed(ctx, &failure{text: err.Error()})
			continue
		}
		reports = fitting(reports)
		if len(reports) == 0 {
			select {
			case <-u.wake:
			case <-ctx.Done():
			}
			continue
		}
		size, err := u.send(ctx, reports)
		if f := (*failure)(nil); errors.As(err, &f) {
			u.failed(ctx, f)
			continue
		}
		sleep(ctx, max(minPause, time.Duration(size)*time.Second/time.Duration(u.config.Rate)))
	}
}

// fitting returns as many of the reports as a sink takes in a request.
func fitting(reports []spool.Report) []spool.Report {
	sent, decoded := 0, 0
	for i, r := range reports {
		sent, decoded = sent+len(r.Body), decoded+compress.Size(r.Body, r.Encoding)
		if i > 0 && (sent > uplink.MaxBody || decoded > uplink.MaxReports ||
			decoded > 1<<20 && decoded/uplink.MaxRatio > sent) {
			return reports[:i]
		}
	}
	return reports
}

// failed acts upon a failure, and waits for the time of the next attempt.
func (u *Uploader) failed(ctx context.Context, f *failure) {
	if ctx.Err() != nil {
		return
	}
	wait := u.wait(f)
	u.mutex.Lock()
	now := time.Now()
	phase := Waiting
	if f.isFinal {
		phase = Rejected
	}
	if u.state.Phase != phase {
		u.state.Phase, u.state.Since = phase, now
	}
	u.state.Failures++
	u.state.Error, u.state.NextAttempt = f.text, now.Add(wait)
	u.mutex.Unlock()
	sleep(ctx, wait)
}

// wait returns the time until the next attempt. Agents whose sink was away come back at different times.
func (u *Uploader) wait(f *failure) time.Duration {
	longest := maxWait
	if u.failures < 16 {
		longest = min(firstWait<<u.failures, maxWait)
	}
	u.failures++
	switch {
	case f.isFinal:
		return slowWait/2 + rand.N(slowWait/2)
	case f.retryAfter > 0:
		return f.retryAfter + rand.N(f.retryAfter/10+time.Second)
	default:
		return rand.N(longest)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
