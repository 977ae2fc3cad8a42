// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

// newClient returns a client that keeps one connection, and follows no redirect: a signature is for the sink alone.
func newClient(c *Config) (*http.Client, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12, Time: c.Now}
	if len(c.Authority) > 0 {
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(c.Authority) {
			return nil, errors.New("the sink's certificate authority is no certificate in PEM")
		}
	}
	if c.Certificate != nil {
		security.Certificates = []tls.Certificate{*c.Certificate}
	}
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            func(ctx context.Context, n, a string) (net.Conn, error) { return dial(ctx, n, a) },
			TLSClientConfig:        security,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           1,
			MaxConnsPerHost:        1,
			IdleConnTimeout:        5 * time.Minute,
			TLSHandshakeTimeout:    30 * time.Second,
			ResponseHeaderTimeout:  maxResponseDelay,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
			// A connection that a firewall has forgotten shows before the next report is lost time on it.
			HTTP2: &http.HTTP2Config{SendPingTimeout: time.Minute, PingTimeout: 15 * time.Second},
		},
	}, nil
}
