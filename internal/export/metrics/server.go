// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/metric/listener"
)

// Server answers at the listener. It keeps one answer of the agent for a second, which is how often that changes.
type Server struct {
	Listen  string // address and port, see listener.Check
	Version string // of weir

	mu     sync.Mutex // guards what follows; held while the agent answers
	asked  time.Time
	last   *control.Metrics
	failed error
}

const fresh = time.Second

// Handler answers requests. ask asks the agent.
func (s *Server) Handler(ask func(*control.Request) (*control.Answer, error)) http.Handler {
	return listener.Guard(s.Listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			s.metrics(w, r, ask)
		case "/healthz":
			s.health(w, ask, isHealthy)
		case "/readyz":
			s.health(w, ask, isReady)
		case "/":
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, "weir: /metrics /healthz /readyz\n")
		default:
			http.NotFound(w, r)
		}
	}))
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
