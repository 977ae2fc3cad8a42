// SPDX-License-Identifier: Apache-2.0

// Package sinktest is an agent for the tests and benchmarks of a sink: it knows nothing but the uplink's language.
package sinktest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weirnet/weir/internal/uplink"
)

// Patience bounds every wait for something that has to come.
const Patience = 30 * time.Second

// Agent is an agent.
type Agent struct {
	Key    ed25519.PrivateKey
	Client *http.Client
	zstd   *zstd.Encoder
}

// ID returns the agent's id.
func (a *Agent) ID() string { return uplink.AgentID(a.Key.Public().(ed25519.PublicKey)) }

// New returns an agent that knows its sink, at 127.0.0.1, by the code's hash.
func New(t testing.TB, code uplink.Code) *Agent {
	t.Helper()
	a, err := Make(code)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Client.CloseIdleConnections)
	return a
}

// Make is New for programs.
func Make(code uplink.Code) (*Agent, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error { return verify(s, code.Authority) }}}
	return &Agent{key, &http.Client{Transport: transport, Timeout: Patience}, z}, nil
}

func verify(s tls.ConnectionState, pin [16]byte) error {
	roots := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		if uplink.HashAuthority(c) == pin {
			roots.AddCert(c)
		}
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"})
	return err
}

// post sends a signed request.
func (a *Agent) post(url, contentType, encoding string, body []byte) (*http.Response, error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	uplink.Sign(r, a.Key, time.Now(), body)
	return a.Client.Do(r)
}

// Enrol makes the agent known to the sink of that URL.
func (a *Agent) Enrol(url, code string) (e uplink.Enrolled, err error) {
	body, err := json.Marshal(uplink.Enrolment{Code: code, PublicKey: a.Key.Public().(ed25519.PublicKey), Name: "gw",
		Version: "test"})
	if err != nil {
		return e, err
	}
	r, err := a.post(url+uplink.EnrolPath, "application/json", "", body)
	if err != nil {
		return e, err
	}
	if r.ProtoMajor != 2 {
		err = fmt.Errorf("the sink speaks %s", r.Proto)
	}
	return e, errors.Join(err, read(r, &e))
}

// Body compresses reports, each in a frame of its own.
func (a *Agent) Body(lines ...[]byte) (body []byte) {
	for _, line := range lines {
		body = a.zstd.EncodeAll(line, body)
	}
	return body
}

// Send sends reports.
func (a *Agent) Send(url string, lines ...[]byte) (uplink.Reports, error) {
	return a.SendBody(url, a.Body(lines...))
}

// SendBody sends what Body has made.
func (a *Agent) SendBody(url string, body []byte) (answer uplink.Reports, err error) {
	r, err := a.post(url+uplink.ReportsPath, uplink.ContentType, "zstd", body)
	if err != nil {
		return answer, err
	}
	return answer, read(r, &answer)
}

// read reads an answer. The error of another status than 200 has the whole problem.
func read(r *http.Response, to any) error {
	defer r.Body.Close()
	if r.StatusCode == http.StatusOK {
		return json.NewDecoder(r.Body).Decode(to)
	}
	text, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	return fmt.Errorf("%s: %s", r.Status, text)
}
