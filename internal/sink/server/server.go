// SPDX-License-Identifier: Apache-2.0

// Package server joins the parts of a sink and runs them: TLS for agents, the page on loopback, the control socket, and
// the drain from the queue into the store.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weirnet/weir/internal/metric/listener"
	"github.com/weirnet/weir/internal/sink/agents"
	"github.com/weirnet/weir/internal/sink/authority"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/ingest"
	"github.com/weirnet/weir/internal/sink/metrics"
	"github.com/weirnet/weir/internal/sink/queue"
	"github.com/weirnet/weir/internal/sink/session"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/uplink"
)

// Config configures a Server.
type Config struct {
	Folder         string
	Listen, Portal string   // addresses
	Metrics        string   // address for Prometheus; "": none
	Names          []string // further names of the server's certificate
	// Certificate and Key are files in place of the sink's own authority.
	Certificate, Key string
	Version          string
	Retention        store.Retention
	// OpenStore opens the store of a folder.
	OpenStore func(folder string) (store.Store, error)
	// Page returns the handlers of page and API, and what to call when the store has changed.
	Page func(s store.Store, status func() status.Snapshot) (page, api http.Handler, changed func())
	// Log takes a line for people.
	Log func(format string, args ...any)

	headerTime time.Duration // of a request's header; tests have less of it
}

// Server is a sink.
type Server struct {
	config   Config
	started  time.Time
	lock     *os.File
	counters status.Counters

	authority *authority.Authority
	agents    *agents.Registry
	queue     *queue.Queue
	store     store.Store
	ingest    *ingest.Ingest
	sessions  *session.Sessions

	listen, portal, socket net.Listener
	metrics                net.Listener // nil: none
}

// Open opens the data folder and the addresses. Nothing is served before Run.
func Open(c Config) (*Server, error) {
	if c.headerTime == 0 {
		c.headerTime = headerTime
	}
	s := &Server{config: c, started: time.Now(), sessions: session.New(time.Now)}
	if err := s.open(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) path(name string) string { return filepath.Join(s.config.Folder, name) }

func (s *Server) open() (err error) {
	if err := os.MkdirAll(s.config.Folder, 0o700); err != nil {
		return dataError(s.config.Folder, err)
	}
	if s.lock, err = lockFolder(s.config.Folder); err != nil {
		return dataError(s.config.Folder, err)
	}
	if s.config.Certificate != "" {
		s.authority, err = authority.Files(s.config.Certificate, s.config.Key, time.Now)
	} else {
		s.authority, err = authority.Open(s.path("tls"), authority.Names(s.config.Names), time.Now)
	}
	if err != nil {
		return err
	}
	if s.agents, err = agents.Open(s.path("agents.json"), time.Now); err != nil {
		return err
	}
	if err := s.openListeners(); err != nil {
		return err
	}
	return s.openData()
}

// lockFolder keeps a second sink from the folder. The lock ends with the process.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("a sink runs on %s already", path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// dataError says which flag names the folder that can't be used, and what to do.
func dataError(folder string, err error) error {
	var path *fs.PathError
	switch {
	case folder == "":
		return errors.New("--data needs a folder, such as " + exampleFolder)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("--data %s: %w: run this as the folder's owner, or with another folder", folder, err)
	case errors.As(err, &path):
		return fmt.Errorf("--data %s: %w", folder, err)
	}
	return err
}

const exampleFolder = "/var/lib/weir-sink"

// listenOn listens on an address that a flag names. The error says what to do.
func listenOn(flag, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s %s: another program has this port (ss -ltnp shows which); take another port",
			flag, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s %s: this machine does not have that address", flag, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s %s: no right to this port: take one from 1024 on, or run this as root", flag,
			address)
	}
	var a *net.AddrError
	if errors.As(err, &a) {
		return nil, fmt.Errorf("%s %s: %s; an address is HOST:PORT, such as 127.0.0.1:8443", flag, address, a.Err)
	}
	return nil, fmt.Errorf("%s %s: %w", flag, address, err)
}

func (s *Server) openListeners() error {
	listen, err := listenOn("--listen", s.config.Listen)
	if err != nil {
		return err
	}
	s.listen = newLimitListener(listen)
	portal, err := listenOn("--portal", s.config.Portal)
	if err != nil {
		return err
	}
	s.portal = newLimitListener(portal)
	if a, err := netip.ParseAddrPort(portal.Addr().String()); err != nil || !a.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("--portal %s: the page has no accounts yet, so it is served on loopback only, such as "+
			"127.0.0.1:8080; ssh -L forwards it", s.config.Portal)
	}
	if s.config.Metrics != "" {
		if s.metrics, err = listenOn("--metrics-listen", s.config.Metrics); err != nil {
			return err
		}
	}
	path := s.path(control.SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of a sink that was killed
		return err
	}
	if s.socket, err = net.Listen("unix", path); err != nil {
		return err
	}
	return os.Chmod(path, 0o600) // until then the folder's mode keeps others out
}

// openData opens store and queue, and learns from them which reports have come.
func (s *Server) openData() (err error) {
	if err := os.MkdirAll(s.path("store"), 0o700); err != nil {
		return err
	}
	open := func() (store.Store, error) { return s.config.OpenStore(s.path("store")) }
	opened, err := newReopening(open, s.config.Log)
	if err != nil {
		return err
	}
	s.store = opened
	type id struct {
		agent, epoch string
		sequence     uint64
	}
	var waiting []id
	s.queue, err = queue.Open(queue.Config{Folder: s.path("queue")}, func(r *store.Report) {
		waiting = append(waiting, id{r.Agent, r.Epoch, r.Sequence})
	})
	if err != nil {
		return err
	}
	s.ingest = ingest.New(s.agents, s.queue, &s.counters, time.Now)
	known, err := s.store.Agents(context.Background())
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	for _, a := range known {
		first := a.Sequence
		if a.Missing == 0 {
			first = 1
		}
		s.ingest.Know(a.Agent, a.Epoch, first, a.Sequence)
	}
	for _, w := range waiting {
		s.ingest.Know(w.agent, w.epoch, w.sequence, w.sequence)
	}
	return nil
}

func (s *Server) close() {
	for _, l := range []net.Listener{s.listen, s.portal, s.socket, s.metrics} {
		if l != nil {
			_ = l.Close()
		}
	}
	if s.queue != nil {
		s.queue.Close()
	}
	if s.store != nil {
		_ = s.store.Close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// Status returns the state of the sink.
func (s *Server) Status() status.Snapshot {
	now := s.counters.Snapshot()
	now.Version, now.Started, now.UptimeS = s.config.Version, s.started, int64(time.Since(s.started).Seconds())
	now.Queue.Reports, now.Queue.Bytes = s.queue.Size()
	return now
}

// Fingerprint returns that of the certificate authority.
func (s *Server) Fingerprint() string { return s.authority.Fingerprint() }

// Address returns where agents report.
func (s *Server) Address() string { return s.listen.Addr().String() }

// URL returns the sink's URL as agents are to use it.
func (s *Server) URL() string {
	host, port, err := net.SplitHostPort(s.listen.Addr().String())
	if err != nil {
		return "https://" + s.Address()
	}
	if a, err := netip.ParseAddr(host); len(s.config.Names) > 0 {
		host = s.config.Names[0]
	} else if err == nil && a.IsUnspecified() {
		if name, err := os.Hostname(); err == nil && authority.CheckName(name) == nil {
			host = name
		}
	}
	return "https://" + net.JoinHostPort(host, port)
}

// Link returns a new link to the page.
func (s *Server) Link() string { return "http://" + s.portal.Addr().String() + s.sessions.Link() }

// NewCode returns an enrolment code.
func (s *Server) NewCode(name string) (c control.Code, err error) {
	code, expires, err := s.agents.NewCode(name, s.authority.Pin())
	if err != nil {
		return c, err
	}
	url := s.URL()
	return control.Code{Code: code.String(), URL: url, Command: "weir enrol " + url + " " + code.String(),
		Expires: expires}, nil
}

// Agents lists the agents.
func (s *Server) Agents(ctx context.Context) ([]control.Agent, error) {
	reported, err := s.store.Agents(ctx)
	if err != nil {
		return nil, err
	}
	all := []control.Agent{}
	for _, a := range s.agents.List() {
		out := control.Agent{ID: a.ID, Name: a.Name, Version: a.Version, Enrolled: a.Enrolled, Revoked: a.Revoked}
		for _, r := range reported {
			if r.Agent == a.ID {
				out.LastReport, out.Missing, out.Version = &r.Received, r.Missing, r.Version
			}
		}
		all = append(all, out)
	}
	return all, nil
}

// Revoke takes an id, the begin of one, or a name.
func (s *Server) Revoke(id string) (found agents.Agent, err error) {
	const fewest = 6 // digits of an id
	matches := 0
	for _, a := range s.agents.List() {
		if a.ID == id {
			found, matches = a, 1
			break
		}
		if a.Revoked == nil && (a.Name == id || (len(id) >= fewest && strings.HasPrefix(a.ID, id))) {
			found = a
			matches++
		}
	}
	if matches != 1 {
		return found, agents.ErrUnknown
	}
	return found, s.agents.Revoke(found.ID)
}

const (
	// shutdownTime is how long requests under way may take at the end, and drainTime how long the store may.
	shutdownTime = 10 * time.Second
	drainTime    = 5 * time.Second
	headerTime   = 10 * time.Second
	renewEvery   = 24 * time.Hour
	pruneEvery   = time.Hour
)

// Run serves until the context ends, then finishes what is under way.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	base, stop := context.WithCancel(context.Background()) // of requests
	defer stop()
	page, api, changed := s.config.Page(namedStore{s.store, s.agents}, s.Status)
	servers := s.servers(base, page, api)
	failed := make(chan error, len(servers))
	for _, v := range servers {
		go func() { failed <- v.serve() }()
	}
	draining, stopDrain := context.WithCancel(context.Background())
	defer stopDrain()
	drain := &queue.Drain{Queue: s.queue, Store: s.store, Refused: s.path("queue/refused"), Counters: &s.counters,
		Unknown: s.ingest.WantWhole, Stored: changed, Log: s.config.Log}
	drained := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		defer close(drained)
		drain.Run(draining)
	})
	work.Go(func() { s.maintain(draining) })
	work.Go(func() { s.serveMetrics(base) })
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	stop() // of streams, which have no end of their own
	late, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	for _, v := range servers {
		if v.http.Shutdown(late) != nil {
			_ = v.http.Close()
		}
	}
	s.queue.Close() // so the drain ends once the store has all of it; what is left stays in the queue
	select {
	case <-drained:
	case <-time.After(drainTime):
	}
	stopDrain()
	work.Wait()
	return err
}

// MetricsAddress returns where Prometheus asks, "" if nowhere.
func (s *Server) MetricsAddress() string {
	if s.metrics == nil {
		return ""
	}
	return s.metrics.Addr().String()
}

func (s *Server) serveMetrics(ctx context.Context) {
	if s.metrics == nil {
		return
	}
	measured := &metrics.Sink{Version: s.config.Version, Folder: s.config.Folder, Counters: &s.counters,
		Queue: s.queue.Size, Agents: s.store.Agents}
	if err := listener.Serve(ctx, s.metrics, metrics.Handler(s.config.Metrics, measured)); err != nil {
		s.config.Log("metrics: %v", err)
	}
}

// maintain renews the certificate, and removes what is too old.
func (s *Server) maintain(ctx context.Context) {
	renew, prune := time.NewTicker(renewEvery), time.NewTicker(pruneEvery)
	defer renew.Stop()
	defer prune.Stop()
	for {
		if err := s.store.Prune(ctx, time.Now(), s.config.Retention); err != nil && ctx.Err() == nil {
			s.config.Log("remove old flows: %v", err)
		}
		select {
		case <-prune.C:
		case <-renew.C:
			if err := s.authority.Renew(); err != nil {
				s.config.Log("renew the certificate: %v", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// served is a server on its listener.
type served struct {
	http  *http.Server
	serve func() error
}

// servers returns the three servers.
func (s *Server) servers(base context.Context, page, api http.Handler) []served {
	mux := http.NewServeMux()
	mux.Handle(uplink.ReportsPath, s.ingest)
	mux.Handle(uplink.EnrolPath, ingest.NewEnrol(s.agents, &s.counters, time.Now))
	mux.HandleFunc("/", ingest.NotFound)
	forAgents := s.newServer(context.Background(), mux)
	forAgents.TLSConfig = s.authority.TLS()
	forPage := s.newServer(base, s.sessions.Wrap(page))
	forPage.ReadTimeout, forPage.WriteTimeout = 0, 0 // a stream of events has no end
	forOwner := s.newServer(base, control.Handler(s, api))
	forOwner.ReadTimeout, forOwner.WriteTimeout = 0, 0
	return []served{
		{forAgents, func() error { return ended(forAgents.ServeTLS(s.listen, "", "")) }},
		{forPage, func() error { return ended(forPage.Serve(s.portal)) }},
		{forOwner, func() error { return ended(forOwner.Serve(s.socket)) }},
	}
}

func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// newServer returns a server with limits against slow and large requests. A handler may set longer deadlines.
func (s *Server) newServer(base context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.config.headerTime,
		ReadTimeout:       6 * time.Minute, // more than a body may take
		WriteTimeout:      7 * time.Minute,
		IdleTimeout:       3 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 16},
		ErrorLog:          newErrorLog(s.config.Log),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
}
