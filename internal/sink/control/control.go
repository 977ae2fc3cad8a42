// SPDX-License-Identifier: Apache-2.0

// Package control is how the sink's owner speaks with the running sink: HTTP on a Unix socket in the data folder, which
// only the owner can open. It has the API, too, without a session.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"github.com/weirnet/weir/internal/sink/agents"
	"github.com/weirnet/weir/internal/sink/problem"
	"github.com/weirnet/weir/internal/uplink"
)

// SocketName is the socket's name in the data folder.
const SocketName = "control.sock"

// Paths of the socket.
const (
	agentsPath = "/control/agents"
	revokePath = "/control/agents/revoke"
	linkPath   = "/control/link"
)

// Sink is what the socket reaches.
type Sink interface {
	// NewCode returns the command by which an agent enrols under that name.
	NewCode(name string) (Code, error)
	Agents(ctx context.Context) ([]Agent, error)
	// Revoke takes an id, the begin of one, or a name.
	Revoke(id string) (agents.Agent, error)
	// Link returns a new link to the page.
	Link() string
}

// Code is an enrolment code with the command that uses it.
type Code struct {
	Code    string    `json:"code"`
	URL     string    `json:"url"`
	Command string    `json:"command"`
	Expires time.Time `json:"expires"`
}

// Agent is an agent that has enrolled, with its last report if there is one.
type Agent struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Enrolled   time.Time  `json:"enrolled"`
	Revoked    *time.Time `json:"revoked,omitempty"`
	LastReport *time.Time `json:"last_report,omitempty"`
	Missing    uint64     `json:"missing,omitempty"` // reports that have not come
}

// Link is a link to the page.
type Link struct {
	URL string `json:"url"`
}

type named struct {
	Name string `json:"name"`
}

const maxBody = 4 << 10

// Handler returns the handler of the socket. api answers all other paths.
func Handler(s Sink, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+agentsPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, func(in named) (any, error) { return s.NewCode(in.Name) })
	})
	mux.HandleFunc("POST "+revokePath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, func(in named) (any, error) {
			a, err := s.Revoke(in.Name)
			return Agent{ID: a.ID, Name: a.Name, Enrolled: a.Enrolled, Revoked: a.Revoked}, err
		})
	})
	mux.HandleFunc("GET "+agentsPath, func(w http.ResponseWriter, r *http.Request) {
		all, err := s.Agents(r.Context())
		write(w, all, err)
	})
	mux.HandleFunc("POST "+linkPath, func(w http.ResponseWriter, _ *http.Request) { write(w, Link{s.Link()}, nil) })
	mux.Handle("/", api)
	return mux
}

func answer(w http.ResponseWriter, r *http.Request, do func(in named) (any, error)) {
	var in named
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		problem.Write(w, http.StatusBadRequest, "the body is no JSON object with a name")
		return
	}
	out, err := do(in)
	write(w, out, err)
}

func write(w http.ResponseWriter, out any, err error) {
	switch {
	case errors.Is(err, agents.ErrUnknown):
		problem.Write(w, http.StatusNotFound, err.Error())
	case errors.Is(err, agents.ErrName), errors.Is(err, agents.ErrTaken), errors.Is(err, agents.ErrFull):
		problem.Write(w, http.StatusUnprocessableEntity, err.Error())
	case err != nil:
		problem.Write(w, http.StatusInternalServerError, err.Error())
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the client may be gone
	}
}

// Client speaks with the sink of a data folder.
type Client struct {
	folder string
	http   http.Client
}

// Dial returns a Client.
func Dial(folder string) *Client {
	path := filepath.Join(folder, SocketName)
	return &Client{folder: folder, http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}}}}
}

// Get asks for a path, such as one of the API, and reads the answer's JSON.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.ask(ctx, http.MethodGet, path, nil, out)
}

// NewCode asks for an enrolment code.
func (c *Client) NewCode(ctx context.Context, name string) (code Code, err error) {
	return code, c.ask(ctx, http.MethodPost, agentsPath, named{name}, &code)
}

// Agents lists the agents.
func (c *Client) Agents(ctx context.Context) (all []Agent, err error) {
	return all, c.ask(ctx, http.MethodGet, agentsPath, nil, &all)
}

// Revoke revokes an agent.
func (c *Client) Revoke(ctx context.Context, id string) (a Agent, err error) {
	return a, c.ask(ctx, http.MethodPost, revokePath, named{id}, &a)
}

// Link asks for a link to the page.
func (c *Client) Link(ctx context.Context) (url string, err error) {
	var l Link
	return l.URL, c.ask(ctx, http.MethodPost, linkPath, nil, &l)
}

// maxAnswer bounds an answer in bytes.
const maxAnswer = 64 << 20

func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	r, err := c.Do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if err := json.NewDecoder(io.LimitReader(r.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the sink's answer: %w", err)
	}
	return nil
}

// Read asks for a path of the API in this media type, and returns the answer, of any status, whose body the caller
// closes.
func (c *Client) Read(ctx context.Context, path, accept string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.dialError(err)
	}
	return response, nil
}

// Do sends a request, and returns an answer of status 200, of which the caller closes the body. The error is the
// problem that the sink describes, or says what to do.
func (c *Client) Do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, body)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.dialError(err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	var p uplink.Problem
	if json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&p) != nil || p.Detail == "" {
		return nil, fmt.Errorf("the sink answers %s", response.Status)
	}
	return nil, errors.New(p.Detail)
}

// dialError says why there is no answer, and what to do.
func (c *Client) dialError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no sink runs on %s: start one with weir-sink serve --data %s, or name its folder with "+
			"--data", c.folder, c.folder)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("no right to the sink on %s: run this as root, or as the user of the sink (%w)", c.folder,
			syscall.EACCES)
	}
	return fmt.Errorf("ask the sink on %s: %w", c.folder, err)
}
