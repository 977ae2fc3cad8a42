// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/sink/store"
)

// FuzzRequest: any path and query has an answer, or a problem that says what is wrong; what reaches the store is
// bounded.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][2]string{{"top", "by=host&since=1h&limit=5&sort=flows&filter=app:a"},
		{"series", "by=app&step=5m&from=2026-11-30T08:00:00Z&to=2026-11-30T10:00:00Z"}, {"flows", "cursor=x"},
		{"devices", "agent=" + agent}, {"agents", ""}, {"status", "%"}, {"flows/" + agent + "/" + agent, ""},
		{"../..", "since=90d&since=1m"}, {"series", "step=1s&since=99999d"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		if path == "events" || path == "openapi.yaml" {
			return // they have no end, or no JSON
		}
		s := &fakeStore{}
		r := httptest.NewRequest(http.MethodGet, Prefix, nil)
		r.URL = &url.URL{Path: Prefix + path, RawQuery: query}
		w := httptest.NewRecorder()
		New(s, func() any { return "well" }, nil).ServeHTTP(w, r)
		if w.Code >= 300 && w.Code < 400 { // the path made clean
			return
		}
		if !json.Valid(w.Body.Bytes()) || w.Code >= 500 && !strings.HasPrefix(path, "flows/") {
			t.Fatalf("%s?%s: %d %s", path, query, w.Code, w.Body)
		}
		checkBounds(t, s.asked)
	})
}

// checkBounds checks a question that reached the store.
func checkBounds(t *testing.T, asked any) {
	var of store.Range
	var limit, most int
	switch q := asked.(type) {
	case *store.TopQuery:
		of, limit, most = q.Range, q.Limit, 1000
	case *store.SeriesQuery:
		of, limit, most = q.Range, q.Limit, 12
		if q.Step != 0 && q.To.Sub(q.From)/q.Step > store.MaxPoints {
			t.Errorf("%+v", q)
		}
	case *store.FlowsQuery:
		of, limit, most = q.Range, q.Limit, 1000
		if len(q.Cursor) > 256 {
			t.Errorf("%+v", q)
		}
	case *store.DevicesQuery:
		of = q.Range
	default:
		return
	}
	if !of.From.Before(of.To) || of.To.Sub(of.From) > maxRange || limit < 0 || limit > most {
		t.Errorf("%+v", asked)
	}
}
