// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/filter"
)

// Server serves a Listener's clients. Each has two goroutines: one writes what the agent sends, one reads what the
// client sends, and sees it go.
type Server struct {
	*Listener
	socket    net.Listener
	owner     uint32      // who started weir
	tls       *tls.Config // nil: without TLS
	tokens    tokens      // none: anybody who may connect
	protocols []string    // that weir names
	version   string

	failures *failures
	greeting chan struct{} // holds one for each client that has not made its request yet
	serving  chan struct{} // and for each that is served
	clients  sync.WaitGroup
}

// Options are those of a Server.
type Options struct {
	Owner uint32 // who started weir
	// Files has the contents of Listener.Files.
	Files     map[string][]byte
	Protocols []string // that weir names, for netifyd's list
	Version   string   // of weir
}

// Bounds of a Server.
const (
	// greetTime bounds the handshake and the request of a client.
	greetTime = 5 * time.Second
	// maxGreeting bounds the clients that have not made their request yet.
	maxGreeting = 32
	maxRequest  = 16 << 10
	// patience is how long a client may take nothing while records wait.
	patience = 30 * time.Second
	// drainTime bounds what a client gets of the end of the stream.
	drainTime = 2 * time.Second
	// pieceBytes is the size of a write.
	pieceBytes = 64 << 10
)

// NewServer returns the Server of a listener's socket, which it closes at the end.
func NewServer(l *Listener, socket *os.File, o *Options) (*Server, error) {
	s := &Server{Listener: l, owner: o.Owner, protocols: o.Protocols, version: o.Version, failures: newFailures(),
		greeting: make(chan struct{}, maxGreeting), serving: make(chan struct{}, l.Clients)}
	if l.Tokens != "" {
		all, err := readTokens(o.Files[l.Tokens])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", l, l.Tokens, err)
		}
		s.tokens = all
	}
	if l.IsTLS {
		pair, err := tls.X509KeyPair(o.Files[l.Certificate], o.Files[l.Key])
		if err != nil {
			return nil, fmt.Errorf("%s: %s, %s: %w", l, l.Certificate, l.Key, err)
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	defer socket.Close()
	listener, err := net.FileListener(socket)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l, err)
	}
	if u, ok := listener.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the helper removes the file
	}
	s.socket = listener
	return s, nil
}

// State implements export.Server.
func (s *Server) State() control.ListenerState {
	return control.ListenerState{At: s.String(), Clients: len(s.serving), Limit: cap(s.serving)}
}

// Run serves clients until ctx ends. Then it takes no more, and waits until those that are there have what the agent
// has still sent, for some time.
func (s *Server) Run(ctx context.Context, a export.Feed) error {
	defer s.clients.Wait()
	stop := context.AfterFunc(ctx, func() { s.socket.Close() })
	defer stop()
	defer s.socket.Close()
	for {
		c, err := s.socket.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("%s: %w", s, err)
		case err != nil: // no free descriptor
			if !export.Sleep(ctx, 100*time.Millisecond) { // no event reports a free one
				return nil
			}
			continue
		}
		select {
		case s.greeting <- struct{}{}:
		default: // too many that say nothing
			c.Close()
			continue
		}
		s.clients.Go(func() { s.client(ctx, a, c) })
	}
}

// client serves one client.
func (s *Server) client(ctx context.Context, a export.Feed, raw net.Conn) {
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(drainTime, func() { raw.Close() })
	})
	defer stop()
	_ = raw.SetDeadline(time.Now().Add(greetTime))
	c, secure := raw, (*tls.Conn)(nil)
	if s.tls != nil {
		secure = tls.Server(raw, s.tls)
		c = secure
	}
	defer c.Close()
	request, err := s.greet(raw, secure)
	<-s.greeting
	if err == nil {
		err = s.serve(ctx, a, c, request)
	}
	var refused refusal
	if errors.As(err, &refused) {
		s.refuse(a, c, refused)
	}
}

// refusal is an error that the client is told.
type refusal struct{ error }

// refuse tells a client, and the log, why it gets nothing.
func (s *Server) refuse(a export.Feed, c net.Conn, why refusal) {
	a.Logger().Warnf("%s: refused %s: %v", s, remote(c), why)
	if !s.IsNetifyd {
		_ = c.SetDeadline(time.Now().Add(greetTime))
		writeAnswer(c, &control.Answer{Error: why.Error()})
	}
}

func writeAnswer(c net.Conn, a *control.Answer) {
	if line, err := json.Marshal(a); err == nil {
		_, _ = c.Write(append(line, '\n')) // the client may have gone
	}
}

// remote names a client for people.
func remote(c net.Conn) string {
	if a := c.RemoteAddr(); a != nil && a.String() != "" && a.String() != "@" {
		return a.String()
	}
	return "a client"
}

// greet finds out who a client is, and what it wants; over TLS if secure is not nil.
func (s *Server) greet(raw net.Conn, secure *tls.Conn) (*control.Flows, error) {
	if u, ok := raw.(*net.UnixConn); ok {
		p, err := peerOf(u)
		if err != nil {
			return nil, err
		}
		if !s.admits(p, s.owner) {
			return nil, refusal{fmt.Errorf("user %d may not connect here", p.user)}
		}
	}
	from := address(raw)
	if len(s.tokens) > 0 && s.failures.tooMany(from) {
		return nil, errors.New("too many failures") // not worth a handshake
	}
	in := io.Reader(raw)
	if secure != nil {
		if err := secure.Handshake(); err != nil {
			return nil, err
		}
		in = secure
	}
	if s.IsNetifyd {
		return new(control.Flows), nil
	}
	r, err := readRequest(in)
	if err != nil {
		return nil, refusal{err}
	}
	if len(s.tokens) > 0 && !s.tokens.has(r.Token) {
		s.failures.add(from)
		return nil, refusal{errors.New("the token is wrong, or missing")}
	}
	return r.Flows, nil
}

// address is a TCP client's, else that of no host.
func address(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr()
	}
	return netip.IPv6Unspecified()
}

// example is a request.
const example = `{"flows":{"follow":true}}`

// readRequest reads the one line that a client says.
func readRequest(c io.Reader) (*control.Request, error) {
	line, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the request is not one line of JSON of at most %d bytes, such as %s", maxRequest,
			example)
	}
	return parseRequest(line)
}

func parseRequest(line []byte) (*control.Request, error) {
	var r control.Request
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, errors.New("the request is not one line of JSON, such as " + example)
	}
	if r.Flows == nil {
		return nil, errors.New("here one may ask for flows only: " + example)
	}
	if _, err := filter.Parse(r.Flows.Filter); err != nil {
		return nil, err
	}
	return &r, nil
}

// serve gives a client what it wants, if there is room for it.
func (s *Server) serve(ctx context.Context, a export.Feed, c net.Conn, request *control.Flows) error {
	select {
	case s.serving <- struct{}{}:
		defer func() { <-s.serving }()
	default:
		return refusal{fmt.Errorf("%d clients are served already", cap(s.serving))}
	}
	if s.IsNetifyd {
		return s.serveNetifyd(ctx, a, c)
	}
	var err error
	if request.Filter, err = both(s.Where, request.Filter); err != nil {
		return refusal{err}
	}
	in, err := a.Follow(request)
	if err != nil {
		return refusal{err}
	}
	defer in.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	writeAnswer(c, &control.Answer{Hello: &in.Hello})
	_ = c.SetReadDeadline(time.Time{})
	go func() { // ends with the connection, which it closes when the client goes
		_, _ = io.Copy(io.Discard, c)
		in.Close()
	}()
	return copyPieces(c, in)
}

// both joins two filters.
func both(one, other string) (string, error) {
	if one == "" || other == "" {
		return one + other, nil
	}
	a, err := filter.Parse(one)
	if err != nil {
		return "", err
	}
	b, err := filter.Parse(other)
	if err != nil {
		return "", err
	}
	return filter.String(filter.And{a, b}), nil
}

// copyPieces writes all that comes, a piece within the client's patience each.
func copyPieces(c net.Conn, in io.Reader) error {
	piece := make([]byte, pieceBytes)
	for {
		n, err := in.Read(piece)
		if n > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(patience))
			if _, err := c.Write(piece[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}
