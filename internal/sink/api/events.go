// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
)

const (
	maxStreams    = 32
	eventInterval = 500 * time.Millisecond // between two events of a kind, at least
	heartbeat     = 15 * time.Second       // after which a silent stream shows that it lives
	writeTimeout  = 10 * time.Second       // of an event: a reader that is slower loses its stream
	eventRange    = time.Hour              // how far back the newest flows go
)

const eventsType = "text/event-stream"

type eventsInput struct {
	FilterParameter
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"flows of an event"`
}

// FlowsEvent is the data of the event flows.
type FlowsEvent struct {
	Rows []store.Flow `json:"rows" doc:"the newest flows of the last hour, the newest first"`
}

func (a *api) registerEvents(h huma.API) {
	op := operation("events", "events", "What is new",
		"A stream of server-sent events: `flows` with a FlowsEvent, and `agents` with an AgentsAnswer, at the start "+
			"and after changes, each at most twice a second; `problem` with a Problem if the sink can't answer at the "+
			"moment. Comments keep the connection alive.")
	schemas := h.OpenAPI().Components.Schemas
	event := func(name string, data *huma.Schema) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, Title: name, Properties: map[string]*huma.Schema{"data": data}}
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "the stream",
		Content: map[string]*huma.MediaType{eventsType: {Schema: &huma.Schema{OneOf: []*huma.Schema{
			event("flows", schemas.Schema(reflect.TypeFor[FlowsEvent](), true, "")),
			event("agents", schemas.Schema(reflect.TypeFor[AgentsAnswer](), true, "")),
			event("problem", schemas.Schema(reflect.TypeFor[Problem](), true, "")),
		}}}}}}
	huma.Register(h, op, a.events)
}

func (a *api) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	e, err := a.expr(ctx, &in.FilterParameter)
	if err != nil {
		return nil, err
	}
	select {
	case a.streams <- struct{}{}:
	default:
		return nil, busy("the sink has as many streams of events as it serves: " + intText(maxStreams))
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer func() { <-a.streams }()
		r, w := humago.Unwrap(h)
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", eventsType)
			return
		}
		s := &stream{w: w, control: http.NewResponseController(w)}
		defer s.end()
		_ = s.run(r.Context(), a, e, in.Limit)
	}}, nil
}

// stream is one stream of events. Its request's goroutine serves it.
type stream struct {
	w             http.ResponseWriter
	control       *http.ResponseController
	flows, agents []byte // the last events
}

// run sends events until the context ends or the reader fails.
func (s *stream) run(ctx context.Context, a *api, e filter.Expr, limit int) error {
	s.w.Header().Set("Content-Type", eventsType)
	// The server's time limit for reading a request would end the stream.
	_ = s.control.SetReadDeadline(time.Time{})
	if err := s.write("retry: 3000\n\n"); err != nil {
		return err
	}
	for {
		changed := a.notify.Changed() // before the questions: later changes wake the stream again
		pause := time.After(eventInterval)
		if err := s.send(ctx, a, e, limit); err != nil {
			return err
		}
		select {
		case <-pause:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := s.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// wait returns after a change.
func (s *stream) wait(ctx context.Context, changed <-chan struct{}) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-changed:
			return nil
		case <-beat.C:
			if err := s.write(": alive\n\n"); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send sends the events that differ from the last ones.
func (s *stream) send(ctx context.Context, a *api, e filter.Expr, limit int) error {
	now := time.Now().UTC()
	q := store.FlowsQuery{Range: store.Range{From: now.Add(-eventRange), To: now}, Filter: e, Limit: limit}
	var flows *store.Flows
	err := a.ask(ctx, func(ctx context.Context) (err error) {
		flows, err = a.store.Flows(ctx, &q)
		return err
	})
	if err != nil {
		return s.problem(ctx, err)
	}
	if err := s.event("flows", &FlowsEvent{notNil(flows.Rows)}, flows.Rows, &s.flows); err != nil {
		return err
	}
	agents, err := a.allAgents(ctx)
	if err != nil {
		return s.problem(ctx, err)
	}
	return s.event("agents", &AgentsAnswer{now, agents}, agents, &s.agents)
}

// event sends data unless content, what matters of it, is the last event's.
func (s *stream) event(name string, data, content any, last *[]byte) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if *last != nil && bytes.Equal(text, *last) {
		return nil
	}
	*last = text
	return s.writeEvent(name, data)
}

// problem sends an error; the next change may bring an answer, which is sent even if it is the last one.
func (s *stream) problem(ctx context.Context, err error) error {
	s.flows, s.agents = nil, nil
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var p *Problem
	if !errors.As(err, &p) {
		p = problem(http.StatusInternalServerError, "the sink failed")
	}
	return s.writeEvent("problem", p)
}

func (s *stream) writeEvent(name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write("event: " + name + "\ndata: " + string(text) + "\n\n")
}

// write sends text at once.
func (s *stream) write(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer of tests has none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// end lets the connection serve the next request.
func (s *stream) end() { _ = s.control.SetWriteDeadline(time.Time{}) }
