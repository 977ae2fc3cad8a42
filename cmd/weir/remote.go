// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/control"
)

// remote is a listener of a running weir (weir run --listen), on this machine or another.
type remote struct {
	url, tokenFile, ca string

	network, address, host string
	tls                    *tls.Config // nil: without TLS
	token                  string
}

func (r *remote) addFlags(f *pflag.FlagSet) {
	f.StringVar(&r.url, "from", "", "the flows of the weir that serves them at this URL (its --listen): unix:///PATH, "+
		"tcp://127.0.0.1:7150 or tls://HOST:7150 (empty: the running weir's socket)")
	f.StringVar(&r.tokenFile, "token-file", "", "with --from: a file whose first line is the token")
	f.StringVar(&r.ca, "ca", "", "with --from tls://: a file in PEM with the certificate, or that of who signed it "+
		"(empty: the system's authorities)")
}

// check checks the flags, and reads their files.
func (r *remote) check(c *cobra.Command, files []string) (err error) {
	if r.url == "" {
		if r.tokenFile != "" || r.ca != "" {
			return errors.New("--token-file and --ca are of --from")
		}
		return nil
	}
	if len(files) > 0 || c.Flags().Changed("socket") {
		return errors.New("--from excludes --socket and files")
	}
	if err := r.parse(); err != nil {
		return fmt.Errorf("--from %q: %w", r.url, err)
	}
	if r.tokenFile != "" {
		if r.token, err = readToken(r.tokenFile); err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
	}
	if r.tls == nil || r.ca == "" {
		return nil
	}
	text, err := os.ReadFile(r.ca)
	if err != nil {
		return fmt.Errorf("--ca: %w", err)
	}
	if r.tls.RootCAs = x509.NewCertPool(); !r.tls.RootCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("--ca %s: there is no certificate in PEM in it", r.ca)
	}
	return nil
}

func (r *remote) parse() error {
	u, err := url.Parse(r.url)
	if err != nil {
		return errors.Unwrap(err)
	}
	if u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return errors.New("must be without parameters")
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return errors.New("must have a whole path: unix:///PATH")
		}
		r.network, r.address = "unix", u.Path
		return nil
	case "tcp", "tls":
	default:
		return errors.New("must begin with unix://, tcp:// or tls://")
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = "7150"
	}
	if host == "" || u.Path != "" && u.Path != "/" {
		return fmt.Errorf("must be as %s://HOST:7150", u.Scheme)
	}
	r.network, r.host, r.address = "tcp", host, net.JoinHostPort(host, port)
	if u.Scheme == "tls" {
		r.tls = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	} else if a, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !a.IsLoopback()) {
		return errors.New("would cross the network in clear text: use tls://")
	}
	return nil
}

// readToken returns the first line of a file.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 4 << 10
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return "", fmt.Errorf("the first line of %s is empty", path)
	}
	return string(line), nil
}

// follow requests flows.
func (r *remote) follow(f *control.Flows) (*control.Stream, error) {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, r.network, r.address)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", r.url, err)
	}
	if r.tls != nil {
		secure := tls.Client(c, r.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, fmt.Errorf("reach %s: %w", r.url, err)
		}
		c = secure
	}
	return control.FollowOver(c, &control.Request{Flows: f, Token: r.token})
}
