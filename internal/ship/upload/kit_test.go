// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/uplink"
)

// report is what the tests send.
type report struct {
	Epoch    string `json:"epoch"`
	Sequence uint64 `json:"sequence"`
	Filler   []byte `json:"filler,omitempty"`
}

// request is one that a sink has got.
type request struct {
	at        time.Time
	proto     string
	sequences []uint64
	size      int
	encoding  compress.Encoding
}

// sink is a server of the test. It keeps reports once, as a sink does.
type sink struct {
	t   *testing.T
	key ed25519.PublicKey

	mutex    sync.Mutex
	kept     []uint64
	requests []request
	// answer answers instead of the sink, unless it returns false. It may ask the sink to keep the reports first.
	answer func(w http.ResponseWriter, r *http.Request, keep func() uplink.Reports) bool
	now    func() time.Time
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	got := request{at: time.Now(), proto: r.Proto, size: len(body)}
	if r.Method != http.MethodPost || r.URL.Path != uplink.ReportsPath ||
		r.Header.Get("Content-Type") != uplink.ContentType {
		s.t.Errorf("%s %s %s", r.Method, r.URL, r.Header)
	}
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	if err := uplink.Verify(r, s.key, s.now(), body); errors.Is(err, uplink.ErrClockSkew) {
		problem(w, http.StatusUnauthorized, uplink.ProblemClock)
		s.note(got)
		return
	} else if err != nil {
		s.t.Error(err)
	}
	got.encoding, _ = compress.Parse(cmp.Or(r.Header.Get("Content-Encoding"), "none"))
	if body, err = compress.Decompress(body, got.encoding, uplink.MaxReports); err != nil {
		s.t.Error(err)
	}
	if sent := got.size; len(body) > uplink.MaxReports || len(body) > 1<<20 && len(body)/uplink.MaxRatio > sent {
		s.t.Errorf("%d bytes in %d are more than a sink takes", len(body), sent)
	}
	var reports []report
	for line := range bytes.Lines(body) {
		var one report
		if err := json.Unmarshal(line, &one); err != nil {
			s.t.Errorf("%v: %q", err, line)
		}
		reports = append(reports, one)
		got.sequences = append(got.sequences, one.Sequence)
	}
	s.note(got)
	keep := func() uplink.Reports { return s.keep(reports) }
	if s.answer != nil && s.answer(w, r, keep) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(keep())
}

func (s *sink) note(r request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests = append(s.requests, r)
}

func (s *sink) keep(reports []report) (a uplink.Reports) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, r := range reports {
		receipt := uplink.Receipt{Epoch: r.Epoch, Sequence: r.Sequence, Result: uplink.Stored}
		if slices.Contains(s.kept, r.Sequence) {
			receipt.Result = uplink.Duplicate
		} else {
			s.kept = append(s.kept, r.Sequence)
		}
		a.Reports = append(a.Reports, receipt)
	}
	return a
}

// attempts returns the requests so far.
func (s *sink) attempts() []request {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.requests)
}

func problem(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(uplink.Problem{Type: kind, Title: "a problem", Status: status})
}

// kit is an agent's side and a sink, in a bubble of fake time.
type kit struct {
	t        *testing.T
	wire     *sinktest.Wire
	sink     *sink
	spool    *spool.Spool
	uploader *Uploader
	config   Config
	epoch    spool.Epoch
	next     uint64
	filler   []byte
	compress compress.Compressor
	encoding compress.Encoding

	authority *sinktest.Authority
	server    *tls.Config
	cancel    context.CancelFunc
	ended     chan struct{} // Run has ended
}

// bubble runs a test in fake time. With change it changes the configuration.
func bubble(t *testing.T, change func(*kit), test func(*kit)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		authority := sinktest.NewAuthority(t)
		k := &kit{t: t, wire: sinktest.NewWire(), encoding: compress.Zstd, authority: authority,
			ended: make(chan struct{}), sink: &sink{t: t, key: public, now: time.Now}}
		k.config = Config{URL: "https://127.0.0.1:8443", Key: private, Authority: authority.PEM(), Dial: k.wire.Dial}
		if k.spool, err = spool.Open(dir, spool.Config{}); err != nil {
			t.Fatal(err)
		}
		k.epoch, k.next = k.spool.Identity()
		k.server = &tls.Config{Certificates: []tls.Certificate{authority.Sign(t, "127.0.0.1")}}
		server := &http.Server{Handler: k.sink, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: k.server}
		if change != nil {
			change(k)
		}
		if k.uploader, err = New(k.spool, k.config); err != nil {
			t.Fatal(err)
		}
		var ctx context.Context
		ctx, k.cancel = context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = server.ServeTLS(k.wire, "", "") })
		running.Go(func() { k.uploader.Run(ctx); close(k.ended) })
		test(k)
		k.cancel()
		_ = server.Close()
		running.Wait()
		time.Sleep(time.Hour) // handlers that sleep
		if err := k.spool.Close(); err != nil {
			t.Error(err)
		}
	})
}

// put spools n reports.
func (k *kit) put(n int) {
	k.t.Helper()
	for range n {
		line, err := json.Marshal(report{k.epoch.String(), k.next, k.filler})
		if err != nil {
			k.t.Fatal(err)
		}
		body := k.compress.Compress(nil, append(line, '\n'), k.encoding)
		if err := k.spool.Put(k.next, body, k.encoding); err != nil {
			k.t.Fatal(err)
		}
		k.next++
		k.uploader.Wake()
	}
}

// arrive waits until everything is in the sink or refused, in order, and the spool is empty.
func (k *kit) arrive(within time.Duration, refused ...uint64) {
	k.t.Helper()
	for end := time.Now().Add(within); k.spool.Stats().Reports > 0 && time.Now().Before(end); {
		time.Sleep(time.Second)
		synctest.Wait()
	}
	time.Sleep(time.Second)
	synctest.Wait()
	var want []uint64
	for n := uint64(1); n < k.next; n++ {
		if !slices.Contains(refused, n) {
			want = append(want, n)
		}
	}
	k.sink.mutex.Lock()
	defer k.sink.mutex.Unlock()
	if !slices.Equal(k.sink.kept, want) {
		k.t.Errorf("the sink has %d, want %d", k.sink.kept, want)
	}
	if left := k.spool.Stats(); left.Reports > 0 || left.Untold > 0 {
		k.t.Errorf("spool: %+v; uploader: %+v", left, k.uploader.State())
	}
}

func (k *kit) settle(d time.Duration) State {
	time.Sleep(d)
	synctest.Wait()
	return k.uploader.State()
}

func (r request) String() string { return fmt.Sprintf("%d in %d bytes", r.sequences, r.size) }
