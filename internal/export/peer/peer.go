// SPDX-License-Identifier: Apache-2.0

// Package peer is what outputs to other machines have in common: the address in a URL, TLS, and a connection that is
// made when it is needed.
package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/export"
)

// Address returns the host and the port of a URL.
func Address(u *url.URL, port int) (string, error) { return Join(u.Host, port) }

// Join returns host:port of a text, which may lack the port.
func Join(text string, port int) (string, error) {
	host, number := text, strconv.Itoa(port)
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		host, number = text[:i], text[i+1:]
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%q is no port", number)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
		if net.ParseIP(host) == nil {
			return "", fmt.Errorf("%q is no IPv6 address", host)
		}
	} else if strings.ContainsAny(host, ":/@ ") {
		return "", fmt.Errorf("%q: an IPv6 address needs brackets", text)
	}
	if host == "" {
		return "", errors.New("the host is missing")
	}
	return net.JoinHostPort(host, number), nil
}

// Security is how TLS is done: the peer's certificate is always verified.
type Security struct{ authority, certificate, key string }

// ReadSecurity reads the parameters of TLS.
func ReadSecurity(p *export.Parameters) *Security {
	return &Security{authority: p.File("ca"), certificate: p.File("certificate"), key: p.File("key")}
}

// Check returns the mistake in the combination of the parameters.
func (s *Security) Check(hasTLS bool) error {
	switch {
	case !hasTLS && *s != Security{}:
		return errors.New("ca=, certificate= and key= are for TLS")
	case (s.certificate == "") != (s.key == ""):
		return errors.New("certificate= and key= belong together")
	}
	return nil
}

// Config returns the settings of TLS.
func (s *Security) Config(e *export.Environment) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.authority != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(e.Files[s.authority]) {
			return nil, fmt.Errorf("ca=%s has no certificate in PEM", s.authority)
		}
	}
	if s.certificate != "" {
		pair, err := tls.X509KeyPair(e.Files[s.certificate], e.Files[s.key])
		if err != nil {
			return nil, fmt.Errorf("certificate=%s: %w", s.certificate, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Conn is a connection, or a socket for datagrams, which the first Write after a failure makes. One goroutine uses it.
type Conn struct {
	Network, Address string
	TLS              *tls.Config // nil: none

	conn net.Conn
	gone *atomic.Bool // the peer has closed it
}

// Bounds of a peer's patience.
const (
	dialTime  = 10 * time.Second
	writeTime = 10 * time.Second
)

// Write writes to the peer. After an error, n bytes may have reached it, and the connection is closed.
func (c *Conn) Write(ctx context.Context, b []byte) (n int, err error) {
	if err := c.Open(ctx); err != nil {
		return 0, err
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTime))
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetWriteDeadline(time.Unix(1, 0)) })
	n, err = c.conn.Write(b)
	stop()
	if err != nil {
		_ = c.Close() // the other error matters
	}
	return n, err
}

// Open makes the connection if it is missing, or the peer has closed it.
func (c *Conn) Open(ctx context.Context) error {
	if c.IsOpen() {
		return nil
	}
	_ = c.Close() // as the peer has
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := Dial(ctx, c.Network, c.Address, c.TLS)
	if err != nil {
		return err
	}
	c.conn, c.gone = conn, new(atomic.Bool)
	if !strings.HasPrefix(c.Network, "udp") {
		go watch(conn, c.gone)
	}
	return nil
}

// Dial makes a connection, with TLS unless config is nil: then the peer is the one that the address names.
func Dial(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	var dialer net.Dialer
	if config == nil {
		return dialer.DialContext(ctx, network, address)
	}
	return (&tls.Dialer{NetDialer: &dialer, Config: config}).DialContext(ctx, network, address)
}

// IsOpen reports whether a Write goes to the same connection as the last one.
func (c *Conn) IsOpen() bool { return c.conn != nil && !c.gone.Load() }

// watch sees the peer go: it sends nothing that matters.
func watch(conn net.Conn, gone *atomic.Bool) {
	_, _ = io.Copy(io.Discard, conn)
	gone.Store(true)
}

// Close closes the connection.
func (c *Conn) Close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}
