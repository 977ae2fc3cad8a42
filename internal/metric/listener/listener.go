// SPDX-License-Identifier: Apache-2.0

// Package listener serves metrics over HTTP: to this machine alone unless others are allowed, and within bounds, as
// whoever reaches it may be slow, or many.
package listener

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of the server.
const (
	maxConnections = 32
	maxHeader      = 8 << 10
	headTime       = 5 * time.Second
	answerTime     = 15 * time.Second
	idleTime       = 2 * time.Minute
)

// Check checks an address. Others than this machine reach it only if isRemote.
func Check(address string, isRemote bool) error {
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

// Guard lets requests that only read pass. At an address of this machine it refuses those by another name: of a page
// that a browser here has loaded from elsewhere.
func Guard(address string, next http.Handler) http.Handler {
	isLocal := strings.HasPrefix(address, "127.") || strings.HasPrefix(address, "[::1]")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Cache-Control", "no-store")
		head.Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			head.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		case isLocal && !isLocalName(r.Host):
			http.Error(w, "ask by this machine's address", http.StatusMisdirectedRequest)
		default:
			next.ServeHTTP(w, r)
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

// Serve serves until ctx ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: headTime, ReadTimeout: headTime,
		WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0)} // anybody who reaches it can cause errors
	served := make(chan error, 1)
	go func() { served <- server.Serve(newLimited(l)) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return server.Close()
	}
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
