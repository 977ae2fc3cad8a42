// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/control"
)

// Server is the listener. It keeps one answer of the agent for a second, which is how often that changes.
type Server struct {
	Listen  string // address and port, see CheckListen
	Version string // of weir

	mu     sync.Mutex // guards what follows; held while the agent answers
	asked  time.Time
	last   *control.Metrics
	failed error
}

// Bounds of the server: whoever reaches it may be slow, or many.
const (
	maxConnections = 32
	maxHeader      = 8 << 10
	headTime       = 5 * time.Second
	answerTime     = 15 * time.Second
	idleTime       = 2 * time.Minute
	fresh          = time.Second
)

// CheckListen checks an address. Others than this machine reach it only if isRemote.
func CheckListen(address string, isRemote bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q: must be an address and a port, such as 127.0.0.1:9167", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q: must have a port from 1 to 65535", address)
	}
	a, err := netip.ParseAddr(host)
	switch {
	case host != "" && err != nil:
		return fmt.Errorf("%q: must be an address, not a name", address)
	case !isRemote && !a.IsLoopback():
		return fmt.Errorf("%q: others can reach that address: use 127.0.0.1 or [::1], or allow it with "+
			"--metrics-remote", address)
	}
	return nil
}

// Handler answers requests. ask asks the agent.
func (s *Server) Handler(ask func(*control.Request) (*control.Answer, error)) http.Handler {
	isLocal := strings.HasPrefix(s.Listen, "127.") || strings.HasPrefix(s.Listen, "[::1]")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Cache-Control", "no-store")
		head.Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			head.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		case isLocal && !isLocalName(r.Host): // a page that a browser here has loaded from elsewhere
			http.Error(w, "ask by this machine's address", http.StatusMisdirectedRequest)
			return
		}
		switch r.URL.Path {
		case "/metrics":
			s.metrics(w, r, ask)
		case "/healthz":
			s.health(w, ask, isHealthy)
		case "/readyz":
			s.health(w, ask, isReady)
		case "/":
			head.Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, "weir: /metrics /healthz /readyz\n")
		default:
			http.NotFound(w, r)
		}
	})
}

// isLocalName reports whether a Host header names this machine.
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

// get returns what the agent measures, at most a second old.
func (s *Server) get(ask func(*control.Request) (*control.Answer, error)) (*control.Metrics, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked.IsZero() && time.Since(s.asked) < fresh {
		return s.last, s.failed
	}
	s.last, s.failed = nil, nil
	answer, err := ask(&control.Request{Metrics: true})
	if err == nil {
		err = json.Unmarshal(answer.Metrics, &s.last)
	}
	if err == nil && s.last == nil {
		err = errors.New("the agent told nothing")
	}
	s.failed = err
	s.asked = time.Now()
	return s.last, s.failed
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request,
	ask func(*control.Request) (*control.Answer, error)) {
	m, err := s.get(ask)
	if err != nil {
		http.Error(w, "no answer of the agent: "+control.Printable(err.Error()), http.StatusServiceUnavailable)
		return
	}
	isOpen := wantsOpenMetrics(r.Header.Get("Accept"))
	b := Append(nil, m, s.Version, isOpen)
	w.Header().Set("Content-Type", textType)
	if isOpen {
		w.Header().Set("Content-Type", openMetricsType)
	}
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

// wantsOpenMetrics reports whether OpenMetrics is accepted (RFC 9110, section 12.5.1); without it every client reads
// the text format.
func wantsOpenMetrics(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		kind, parameters, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(kind), "application/openmetrics-text") {
			continue
		}
		isWanted := true
		for p := range strings.SplitSeq(parameters, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			switch strings.ToLower(name) {
			case "version":
				isWanted = isWanted && strings.Trim(value, `"`) == "1.0.0"
			case "q":
				q, err := strconv.ParseFloat(value, 64)
				isWanted = isWanted && err == nil && q > 0
			}
		}
		if isWanted {
			return true
		}
	}
	return false
}

// isHealthy: the agent answers, and its hub has gone on within the last seconds.
func isHealthy(*control.Metrics) error { return nil }

// isReady: it also watches an interface, and what sends reports has begun.
func isReady(m *control.Metrics) error {
	switch {
	case len(m.Interfaces) == 0:
		return errors.New("no interface is watched yet")
	case m.Uplink != nil && !m.Uplink.Ready:
		return errors.New("the uplink has not begun yet")
	}
	return nil
}

func (s *Server) health(w http.ResponseWriter, ask func(*control.Request) (*control.Answer, error),
	check func(*control.Metrics) error) {
	m, err := s.get(ask)
	if err == nil {
		err = check(m)
	}
	if err != nil {
		http.Error(w, control.Printable(err.Error()), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}

// limited is a listener with a bounded number of connections; further ones wait in the kernel.
type limited struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimited(l net.Listener) *limited {
	return &limited{Listener: l, free: make(chan struct{}, maxConnections), closed: make(chan struct{})}
}

// Accept waits for a place first.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.free })}, nil
}

// Close closes the listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	release func()
}

// Close gives the place free.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
