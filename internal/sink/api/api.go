// SPDX-License-Identifier: Apache-2.0

// Package api is the sink's HTTP API, which the page, `weir-sink query` and other programs use: sums, series, flows,
// devices, agents, and a stream of what is new. docs/API.md describes it, gen/openapi.yaml specifies it.
//
// It knows no sessions: its owner decides who may ask.
package api

//go:generate go run ./document ../../../gen/openapi.yaml

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weirnet/weir/internal/sink/store"
)

// Prefix is where all paths of the API begin.
const Prefix = "/api/v1/"

const (
	askTimeout = 10 * time.Second // of one question to the store
	maxAsked   = 8                // questions at a time; the others wait, at most askTimeout
)

// Notifier says when the store knows more.
type Notifier interface {
	// Changed returns a channel that is closed at the next change.
	Changed() <-chan struct{}
}

// api answers requests.
type api struct {
	store   store.Store
	status  func() any
	notify  Notifier
	asked   chan struct{} // a semaphore
	streams chan struct{} // a semaphore
	names   deviceNames
}

// New returns the API's handler, for Prefix and all below it. status returns what `status` answers; notify may be nil,
// when nothing changes. Streams of events end with their request's context: before a server's Shutdown, cancel the
// context that its BaseContext returned.
func New(s store.Store, status func() any, notify Notifier) http.Handler {
	mux, _ := build(s, status, notify)
	return headers(mux)
}

// Specification returns the OpenAPI document, as YAML.
func Specification() ([]byte, error) {
	_, document := build(nil, nil, nil)
	for _, s := range document.Components.Schemas.Map() {
		widen(s)
	}
	for _, path := range document.Paths {
		for _, p := range path.Get.Parameters {
			widen(p.Schema)
		}
	}
	return document.YAML()
}

// widen makes all whole numbers ones of 64 bits, also where the program's int has 32.
func widen(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeInteger {
		s.Format = "int64"
	}
	widen(s.Items)
	for _, p := range s.Properties {
		widen(p)
	}
}

func build(s store.Store, status func() any, notify Notifier) (*http.ServeMux, *huma.OpenAPI) {
	if notify == nil {
		notify = new(Bell)
	}
	a := &api{store: s, status: status, notify: notify, asked: make(chan struct{}, maxAsked),
		streams: make(chan struct{}, maxStreams)}
	mux := http.NewServeMux()
	config := huma.DefaultConfig("weir sink", "1")
	config.Info.Description = "What weir's agents see of their networks. Times are RFC 3339, UTC; counts are exact " +
		"unless an answer says \"approximate\". " +
		"Errors are problem details (RFC 9457). docs/API.md has examples, docs/FILTER.md the filter language."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil                         // no $schema in answers
	config.AllowAdditionalPropertiesByDefault = true // a later version may have more
	asJSON := huma.Format{Marshal: marshalJSON, Unmarshal: huma.DefaultJSONFormat.Unmarshal}
	config.Formats = map[string]huma.Format{"application/json": asJSON, "json": asJSON,
		csvType: {Marshal: marshalCSV}}
	h := humago.New(mux, config)
	h.UseMiddleware(checkParameters)
	a.registerSums(h)
	a.registerFlows(h)
	a.registerPlaces(h)
	a.registerEvents(h)
	mux.HandleFunc("GET "+Prefix+"openapi.yaml", specification)
	mux.HandleFunc("/", unknownPath)
	return mux, h.OpenAPI()
}

// marshalJSON is the format of JSON. A client that has left is no error: huma would write another status after the
// answer's, and panic.
func marshalJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	if err := huma.DefaultJSONFormat.Marshal(&text, v); err != nil {
		return err
	}
	_, _ = w.Write(text.Bytes())
	return nil
}

// operation returns an operation of the API, with what all have in common.
func operation(id, path, summary, description string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: Prefix + path, Summary: summary,
		Description: description, Errors: []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable}}
}

// headers sets the headers of all answers: they are about people's traffic, and of this moment.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func specification(w http.ResponseWriter, _ *http.Request) {
	text, err := Specification()
	if err != nil {
		writeProblem(w, problem(http.StatusInternalServerError, "the specification can't be written"))
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(text)
}

func unknownPath(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, problem(http.StatusMethodNotAllowed, "the API only answers questions: use GET"))
		return
	}
	writeProblem(w, problem(http.StatusNotFound, "there is no such path; "+Prefix+"openapi.yaml lists them"))
}

// ask puts a question to the store, when its turn comes and while there is time, and makes its error one of HTTP.
func (a *api) ask(ctx context.Context, question func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	select {
	case a.asked <- struct{}{}:
		defer func() { <-a.asked }()
	case <-limited.Done():
		return busy("the sink is busy with other questions")
	}
	err := question(limited)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "the sink does not know it; it may be older than what the sink keeps")
	case errors.Is(err, store.ErrCursor):
		return mistake("cursor", "cursor expects the \"next\" of the page before, or nothing for the first page")
	case errors.Is(err, store.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, err.Error()+"; ask for less at a time")
	case ctx.Err() != nil: // nobody waits for the answer
		return problem(statusClientClosed, "the request was cancelled")
	case limited.Err() != nil:
		return busy("the answer took longer than " + askTimeout.String() + "; ask for a shorter time or fewer flows")
	}
	slog.Error("api: the store failed", "err", err)
	return problem(http.StatusInternalServerError, "the store failed; the sink's log says why")
}
