// SPDX-License-Identifier: Apache-2.0

// Package enrol makes an agent known to a sink. The agent makes a key, which never leaves its folder; the enrolment
// code tells the agent which certificate authority the sink's certificate has to come from.
package enrol

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/ship/upload"
	"github.com/weirnet/weir/internal/uplink"
)

// Request is a wish to enrol.
type Request struct {
	Folder  string // of key and sink.json
	URL     string
	Code    string
	Name    string // of the gateway, or ""; the sink's word on it counts
	Version string // of the agent
	// Client is the agent's own certificate with its key, in PEM, for a sink that wants one; else nil.
	Client []byte
	// Force enrols an enrolled agent anew, with a new key.
	Force bool
	// Dial connects; default a net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Sink is what an enrolled agent knows of its sink: the file sink.json.
type Sink struct {
	URL       string `json:"url"`
	Agent     string `json:"agent"`
	Name      string `json:"name"`
	Authority string `json:"authority,omitempty"` // certificate in PEM; empty: the system's roots
	// Certificate is the agent's own, if the sink wants one: the file client.pem.
	Certificate *tls.Certificate `json:"-"`
}

// Errors of Enrol.
var (
	ErrEnrolled = errors.New("this agent is enrolled already; --force enrols it anew, as another agent")
	ErrRefused  = errors.New("the sink refuses the code: it is wrong, used or expired (weir-sink agent enrol)")
)

const (
	maxName   = 64
	maxAnswer = 64 << 10
	timeout   = time.Minute
)

// Enrol enrols the agent.
func Enrol(ctx context.Context, r Request) (*Sink, error) {
	code, err := uplink.ParseCode(r.Code)
	if err != nil {
		return nil, err
	}
	address, err := parseURL(r.URL)
	if err != nil {
		return nil, err
	}
	if len(r.Name) > maxName || !utf8.ValidString(r.Name) {
		return nil, fmt.Errorf("the name %q is not text of %d bytes at most", r.Name, maxName)
	}
	var own *tls.Certificate
	if r.Client != nil {
		if own, err = parseClient(r.Client); err != nil {
			return nil, err
		}
	}
	f, err := openFolder(r.Folder, true)
	if err != nil {
		return nil, err
	}
	defer f.close()
	key, err := f.newKey(r.Force)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := &client{request: r, url: address.JoinPath(uplink.EnrolPath), code: code, key: key, own: own}
	answer, err := c.enrol(ctx)
	if err != nil {
		return nil, err
	}
	sink := &Sink{URL: address.String(), Agent: answer.Agent, Name: answer.Name, Authority: c.authority,
		Certificate: own}
	if err := f.keep(sink, r.Client); err != nil {
		return nil, fmt.Errorf("the sink enrolled this agent, but its folder could not be written: %w", err)
	}
	return sink, nil
}

// parseURL reads an address as people type it: https is understood.
func parseURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery+u.Fragment != "" {
		return nil, fmt.Errorf("%q is no address of a sink: https://host:port", text)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// client makes one enrolment.
type client struct {
	request Request
	url     *url.URL
	code    uplink.Code
	key     ed25519.PrivateKey
	own     *tls.Certificate // or nil
	// authority is the certificate that the code names, in PEM, once the sink has shown it.
	authority string
}

func (c *client) enrol(ctx context.Context) (*uplink.Enrolled, error) {
	body, err := json.Marshal(uplink.Enrolment{Code: c.code.String(), PublicKey: c.key.Public().(ed25519.PublicKey),
		Name: c.request.Name, Version: c.request.Version})
	if err != nil {
		return nil, err
	}
	h := c.http()
	defer h.CloseIdleConnections()
	status, header, text, err := c.post(ctx, h, body, time.Now())
	if err == nil && status == http.StatusUnauthorized && isClock(text) {
		at, e := http.ParseTime(header.Get("Date"))
		if e != nil {
			return nil, errors.New("the sink says that this gateway's clock is wrong")
		}
		status, _, text, err = c.post(ctx, h, body, at)
	}
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusForbidden:
		return nil, ErrRefused
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return nil, fmt.Errorf("the sink is busy (%d); try again in a minute", status)
	case status != http.StatusOK:
		return nil, fmt.Errorf("the server at %s answers %d; is this a weir-sink, and its address for agents?",
			c.url.Host, status)
	}
	var answer uplink.Enrolled
	if json.Unmarshal(text, &answer) != nil || answer.Agent != uplink.AgentID(c.key.Public().(ed25519.PublicKey)) {
		return nil, fmt.Errorf("the answer of %s is none that weir understands; is this a weir-sink?", c.url.Host)
	}
	return &answer, nil
}

// isClock reports whether a problem is that of the clock.
func isClock(text []byte) bool {
	var p uplink.Problem
	return json.Unmarshal(text, &p) == nil && p.Type == uplink.ProblemClock
}

func (c *client) http() *http.Client {
	dial := c.request.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: timeout / 2}).DialContext
	}
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.own != nil {
		security.Certificates = []tls.Certificate{*c.own}
	}
	if c.code.Authority != ([16]byte{}) {
		security.InsecureSkipVerify = true // verify does it, with the authority that the code names
		security.VerifyConnection = c.verify
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dial, TLSClientConfig: security,
			ForceAttemptHTTP2: true, TLSHandshakeTimeout: timeout / 2, MaxResponseHeaderBytes: maxAnswer},
	}
}

func (c *client) post(ctx context.Context, h *http.Client, body []byte, at time.Time) (status int, header http.Header,
	text []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "weir/"+c.request.Version)
	uplink.Sign(r, c.key, at, body)
	response, err := h.Do(r)
	if err == nil {
		defer response.Body.Close()
		text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	}
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %s", c.url.Host, upload.Explain(err))
	}
	return response.StatusCode, response.Header, text, nil
}

// errOther is that of a server which does not show the authority that the code names.
var errOther = errors.New("another server answers: the authority in the enrolment code did not sign its certificate")

// verify checks a server: its chain ends at the authority that the code names, and its certificate is for this host.
func (c *client) verify(s tls.ConnectionState) error {
	roots, rest := x509.NewCertPool(), x509.NewCertPool()
	var authority *x509.Certificate
	for _, shown := range s.PeerCertificates {
		if shown.IsCA && uplink.HashAuthority(shown) == c.code.Authority {
			authority = shown
			roots.AddCert(shown)
		} else {
			rest.AddCert(shown)
		}
	}
	if authority == nil {
		return errOther
	}
	o := x509.VerifyOptions{DNSName: c.url.Hostname(), Roots: roots, Intermediates: rest}
	_, err := s.PeerCertificates[0].Verify(o)
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return errOther
	}
	if err == nil {
		c.authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}))
	}
	return err
}
