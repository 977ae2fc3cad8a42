// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/weirnet/weir/internal/sink/store"
)

// fakeStore answers what it is told to, and keeps the last question.
type fakeStore struct {
	store.Store // what a test does not expect panics

	mu      sync.Mutex
	asked   any
	err     error
	top     store.Top
	series  store.Series
	flows   store.Flows
	flow    store.Flow
	devices []store.Device
	agents  []store.Agent
	before  func(context.Context) // each answer
}

func answer[T any](ctx context.Context, f *fakeStore, question any, of *T) (*T, error) {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = question
	if f.err != nil {
		return nil, f.err
	}
	copied := *of
	return &copied, nil
}

func (f *fakeStore) Top(ctx context.Context, q *store.TopQuery) (*store.Top, error) {
	return answer(ctx, f, q, &f.top)
}

func (f *fakeStore) Series(ctx context.Context, q *store.SeriesQuery) (*store.Series, error) {
	return answer(ctx, f, q, &f.series)
}

func (f *fakeStore) Flows(ctx context.Context, q *store.FlowsQuery) (*store.Flows, error) {
	return answer(ctx, f, q, &f.flows)
}

func (f *fakeStore) Flow(ctx context.Context, agent, id string) (*store.Flow, error) {
	return answer(ctx, f, agent+"/"+id, &f.flow)
}

func (f *fakeStore) Devices(ctx context.Context, q *store.DevicesQuery) ([]store.Device, error) {
	list, err := answer(ctx, f, q, &f.devices)
	if err != nil {
		return nil, err
	}
	return *list, nil
}

func (f *fakeStore) Agents(ctx context.Context) ([]store.Agent, error) {
	list, err := answer(ctx, f, "agents", &f.agents)
	if err != nil {
		return nil, err
	}
	return *list, nil
}

// get asks the API, and returns the answer with its body.
func get(t *testing.T, h http.Handler, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, Prefix+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// getJSON asks the API for an answer of this type.
func getJSON[T any](t *testing.T, h http.Handler, path string) *T {
	t.Helper()
	response, body := get(t, h, path)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %s, %s: %s", path, response.Status, response.Header.Get("Content-Type"), body)
	}
	answer := new(T)
	if err := json.Unmarshal([]byte(body), answer); err != nil {
		t.Fatalf("%s: %v: %s", path, err, body)
	}
	return answer
}

// getProblem asks the API for a problem.
func getProblem(t *testing.T, h http.Handler, path string) *Problem {
	t.Helper()
	response, body := get(t, h, path)
	p := new(Problem)
	if err := json.Unmarshal([]byte(body), p); err != nil || response.Header.Get("Content-Type") != problemType ||
		p.Status != response.StatusCode || p.Title == "" || p.Detail == "" {
		t.Fatalf("%s: %s: %s", path, response.Status, body)
	}
	return p
}
