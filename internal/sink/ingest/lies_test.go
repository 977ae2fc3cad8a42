// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/ship/upload"
	"github.com/weirnet/weir/internal/uplink"
)

// liar is a network between an agent's uploader and an Ingest. It loses, cuts, repeats, delays and changes what passes.
type liar struct {
	in http.Handler

	mu     sync.Mutex // of the random numbers too
	random *rand.Rand
	honest bool
	told   map[string]int
	late   []func() // requests that come after later ones
}

// waysToLie are what becomes of a request or its answer.
var waysToLie = []string{"lost", "cut", "no answer", "500", "another sequence", "half an answer", "three times", "late",
	"a byte a second"}

// next chooses what becomes of a request.
func (l *liar) next() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.honest || l.random.IntN(3) == 0 {
		return "truth"
	}
	way := waysToLie[l.random.IntN(len(waysToLie))]
	l.told[way]++
	return way
}

// pass brings a request to the sink.
func (l *liar) pass(r *http.Request, body []byte) *httptest.ResponseRecorder {
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	w := httptest.NewRecorder()
	l.in.ServeHTTP(w, again)
	return w
}

// delay keeps a request until enough later ones have come.
func (l *liar) delay(pass func()) {
	l.mu.Lock()
	l.late = append(l.late, pass)
	var due []func()
	if len(l.late) > 3 {
		due, l.late = l.late, nil
		l.random.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	}
	l.mu.Unlock()
	for _, pass := range due {
		pass()
	}
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	way := l.next()
	switch way {
	case "lost":
		panic(http.ErrAbortHandler)
	case "cut":
		l.pass(r, body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case "late":
		l.delay(func() { l.pass(r, body) })
		panic(http.ErrAbortHandler)
	case "three times":
		l.pass(r, body)
		l.pass(r, body)
	}
	answer := l.pass(r, body)
	switch way {
	case "no answer":
		panic(http.ErrAbortHandler)
	case "500":
		answer.Code = http.StatusInternalServerError
	case "another sequence":
		var receipts uplink.Reports
		if json.Unmarshal(answer.Body.Bytes(), &receipts) == nil && len(receipts.Reports) > 0 {
			receipts.Reports[0].Sequence++
			answer.Body.Reset()
			_ = json.NewEncoder(answer.Body).Encode(receipts)
		}
	case "half an answer":
		answer.Body.Truncate(answer.Body.Len() / 2)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(answer.Code)
	if way == "a byte a second" {
		for _, b := range answer.Body.Bytes() {
			if _, err := w.Write([]byte{b}); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Second)
		}
		return
	}
	_, _ = w.Write(answer.Body.Bytes())
}

// TestLyingNetwork: whatever the network does to requests and answers, each report of an agent's own spool and uploader
// is in the queue once. WEIR_LIES is their number.
func TestLyingNetwork(t *testing.T) {
	all := uint64(300)
	if text := os.Getenv("WEIR_LIES"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatalf("WEIR_LIES: %v", err)
		}
		all = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.in = New(b, b, &b.counters, time.Now)
		l := &liar{in: b.in, random: rand.New(rand.NewPCG(seed, 0)), told: map[string]int{}}
		authority, wire := sinktest.NewAuthority(t), sinktest.NewWire()
		reports, err := spool.Open(folder, spool.Config{})
		if err != nil {
			t.Fatal(err)
		}
		uploader, err := upload.New(reports, upload.Config{URL: "https://127.0.0.1:8443", Key: b.key,
			Authority: authority.PEM(), Dial: wire.Dial})
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: l, ErrorLog: log.New(io.Discard, "", 0),
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{authority.Sign(t, "127.0.0.1")}}}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = server.ServeTLS(wire, "", "") })
		running.Go(func() { uploader.Run(ctx) })
		epoch, _ := reports.Identity()
		var compressor compress.Compressor
		for n := uint64(1); n <= all; n++ {
			text := strings.Replace(b.line(int(n)), fmt.Sprintf("%032x", 7), epoch.String(), 1) + "\n"
			body := compressor.Compress(nil, []byte(text), compress.Zstd)
			if err := reports.Put(n, body, compress.Zstd); err != nil {
				t.Fatal(err)
			}
			uploader.Wake()
			if n%2 == 0 {
				time.Sleep(rand.N(time.Minute))
			}
		}
		l.mu.Lock()
		l.honest = true
		l.mu.Unlock()
		for end := time.Now().Add(time.Hour); reports.Stats().Reports > 0 && time.Now().Before(end); {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		cancel()
		_ = server.Close()
		running.Wait()
		time.Sleep(time.Hour) // handlers that sleep
		b.arrivedOnce(t, all)
		if left, s := reports.Stats(), uploader.State(); left.Reports > 0 || left.Refused > 0 || s.Failures == 0 {
			t.Errorf("spool: %+v; uploader: %+v", left, s)
		}
		if b.counters.Duplicates.Load() == 0 {
			t.Error("no report came twice: this is no test")
		}
		if len(l.told) != len(waysToLie) {
			t.Errorf("the network has told only %v", l.told)
		}
		if err := reports.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("%d reports, lies %v", all, l.told)
	})
}

// arrivedOnce requires that the queue has each report, once.
func (b *bench) arrivedOnce(t *testing.T, all uint64) {
	t.Helper()
	times := map[uint64]int{}
	for i := range b.queued {
		times[b.queued[i].Sequence]++
	}
	for n := uint64(1); n <= all; n++ {
		if times[n] != 1 {
			t.Errorf("report %d is in the queue %d times", n, times[n])
		}
	}
	if len(times) != int(all) {
		t.Errorf("the queue has %d reports, not %d", len(times), all)
	}
}
