// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// reader reads a stream of events over a connection in memory, which has deadlines, but no buffer of its own.
type reader struct {
	t      *testing.T
	conn   net.Conn
	lines  *bufio.Reader
	server *http.Server
}

// pipeListener serves one connection.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// open starts a server with this handler, and asks it for events.
func open(t *testing.T, h http.Handler, path string) *reader {
	t.Helper()
	client, served := net.Pipe()
	l := &pipeListener{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- served
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{t: t, conn: client, lines: bufio.NewReader(client), server: &http.Server{
		Handler: h, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}}
	ended := make(chan error)
	go func() { ended <- r.server.Serve(l) }()
	t.Cleanup(func() {
		cancel()
		_ = client.Close()
		_ = r.server.Close()
		<-ended
	})
	if _, err := client.Write([]byte("GET " + Prefix + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return r
}

// header reads the answer's header, and returns its first line.
func (r *reader) header() string {
	r.t.Helper()
	response, err := http.ReadResponse(r.lines, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.lines = bufio.NewReader(response.Body)
	return response.Status + " " + response.Header.Get("Content-Type")
}

// next returns the next block of the stream: an event, a comment or a setting.
func (r *reader) next() (name, data string) {
	r.t.Helper()
	for {
		line, err := r.lines.ReadString('\n')
		if err != nil {
			r.t.Fatalf("%q: %v", line, err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return name, data
		}
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "data":
			data = value
		case "event":
			name = value
		default:
			name = line
		}
	}
}

func (r *reader) want(name, part string) {
	r.t.Helper()
	if n, data := r.next(); n != name || !strings.Contains(data, part) {
		r.t.Fatalf("%s: %s, want %s with %s", n, data, name, part)
	}
}

func flowOf(hostname string) store.Flows {
	return store.Flows{Rows: []store.Flow{{Agent: agent, Record: json.RawMessage(`{"hostname":"` + hostname + `"}`)}}}
}

func (f *fakeStore) setFlows(hostname string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flows = flowOf(hostname)
}

// TestEvents: a stream begins with what is there, and goes on with what changes, at most twice a second. It outlives
// the server's time limits.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{flows: flowOf("a.example"), agents: []store.Agent{{Agent: agent, Health: json.RawMessage("{}"),
			Interfaces: json.RawMessage("[]")}}}
		var bell Bell
		r := open(t, New(f, nil, &bell), "events?limit=5&filter=port:443")
		if got := r.header(); got != "200 OK text/event-stream" {
			t.Fatal(got)
		}
		r.want("retry: 3000", "")
		r.want("flows", `{"rows":[{"agent":"`+agent+`","record":{"hostname":"a.example"}}]}`)
		r.want("agents", `"rows":[{"agent":"`+agent+`"`)

		start := time.Now()
		for range 3 { // nothing changes
			bell.Ring()
			r.want(": alive", "")
		}
		if silence := time.Since(start); silence < 3*heartbeat || silence > 3*(heartbeat+time.Second) {
			t.Errorf("three heartbeats took %v", silence)
		}
		f.setFlows("b.example")
		bell.Ring()
		r.want("flows", "b.example") // and no agents, which are as they were
		for i := range 4 {           // many changes, few events
			start := time.Now()
			name := string(rune('c'+i)) + ".example"
			f.setFlows(name)
			for range 100 {
				bell.Ring()
			}
			r.want("flows", name)
			if passed := time.Since(start); passed > eventInterval {
				t.Errorf("%v after the change", passed)
			}
		}
	})
}

// TestEventsRate: however often the store changes, two events of a kind are half a second apart.
func TestEventsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{flows: flowOf("a")}
		var bell Bell
		r := open(t, New(f, nil, &bell), "events")
		r.header()
		r.want("retry: 3000", "")
		r.want("flows", "a")
		r.want("agents", "[]")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 1000 {
				f.setFlows(strings.Repeat("x", i+1))
				bell.Ring()
				time.Sleep(10 * time.Millisecond)
			}
		}()
		start, events := time.Now(), 0
		for time.Since(start) < 9*time.Second {
			r.want("flows", "x")
			events++
		}
		if events > 20 {
			t.Errorf("%d events in %v", events, time.Since(start))
		}
		_ = r.conn.Close()
		<-done
	})
}

// TestEventsOfASlowReader: a reader that takes nothing loses its stream, and the place is free again.
func TestEventsOfASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(&fakeStore{flows: flowOf("a")}, nil, nil)
		all := make([]*reader, maxStreams)
		for i := range all {
			all[i] = open(t, a, "events")
			all[i].header()
			all[i].want("retry: 3000", "")
		}
		full := open(t, a, "events")
		if got := full.header(); got != "503 Service Unavailable "+problemType {
			t.Error(got)
		}
		time.Sleep(writeTimeout + time.Second)
		synctest.Wait()
		again := open(t, a, "events")
		if got := again.header(); got != "200 OK text/event-stream" {
			t.Error(got)
		}
		again.want("retry: 3000", "")
		again.want("flows", "a")
	})
}

// TestEventsOfAFailingStore: a stream survives the store's failures.
func TestEventsOfAFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{err: store.ErrNotFound}
		var bell Bell
		r := open(t, New(f, nil, &bell), "events")
		r.header()
		r.want("retry: 3000", "")
		r.want("problem", `"status":404`)
		f.mu.Lock()
		f.err = nil
		f.mu.Unlock()
		bell.Ring()
		r.want("flows", "[]")
		r.want("agents", "[]")
		for _, err := range []error{store.ErrNotFound, nil} {
			f.mu.Lock()
			f.err = err
			f.mu.Unlock()
			bell.Ring()
			if err != nil {
				r.want("problem", `"status":404`)
			}
		}
		r.want("flows", "[]") // though they are those of before
	})
}

func TestBell(t *testing.T) {
	var b Bell
	b.Ring()
	first := b.Changed()
	if b.Changed() != first {
		t.Error("another channel without a change")
	}
	b.Ring()
	<-first
	select {
	case <-b.Changed():
		t.Error("it rang twice")
	default:
	}
}
