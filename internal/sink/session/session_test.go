// SPDX-License-Identifier: Apache-2.0

package session

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

type bench struct {
	now     time.Time
	all     *Sessions
	handler http.Handler
}

func newBench() *bench {
	b := &bench{now: time.Unix(1_800_000_000, 0)}
	b.all = New(func() time.Time { return b.now })
	b.handler = b.all.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("page"))
	}))
	return b
}

func (b *bench) do(method, path string, cookie *http.Cookie, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:8080"
	if cookie != nil {
		r.AddCookie(cookie)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// open opens a link and returns the session's cookie.
func (b *bench) open(t *testing.T) *http.Cookie {
	t.Helper()
	w := b.do("GET", b.all.Link(), nil)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" || len(cookies) != 1 {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	return cookies[0]
}

// TestSession: a link opens one session, which ends.
func TestSession(t *testing.T) {
	b := newBench()
	link := b.all.Link()
	if w := b.do("HEAD", link, nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", w.Code)
	}
	c := b.do("GET", link, nil).Result().Cookies()[0]
	if c.Name != Cookie || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("%+v", c)
	}
	if w := b.do("GET", "/api/v1/top", c); w.Code != http.StatusOK || w.Body.String() != "page" {
		t.Errorf("%d", w.Code)
	}
	if w := b.do("GET", link, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("the link a second time: %d", w.Code)
	}
	b.now = b.now.Add(Life - 1)
	if w := b.do("GET", "/", c); w.Code != http.StatusOK {
		t.Errorf("before its end: %d", w.Code)
	}
	b.now = b.now.Add(1)
	if w := b.do("GET", "/", c); w.Code != http.StatusUnauthorized {
		t.Errorf("after its end: %d", w.Code)
	}
	late := b.all.Link()
	b.now = b.now.Add(LinkLife)
	if w := b.do("GET", late, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("a link after its end: %d", w.Code)
	}
}

// TestRefusals: without a session there is nothing but the way to get one.
func TestRefusals(t *testing.T) {
	b := newBench()
	good := b.open(t)
	for _, c := range []struct {
		name, method, path string
		cookie             *http.Cookie
		headers            []string
		status             int
		contentType        string
	}{
		{"no session", "GET", "/", nil, []string{"Accept", "text/html,*/*"}, 401, "text/html; charset=utf-8"},
		{"no session, a program", "GET", "/", nil, nil, 401, "application/problem+json"},
		{"no session, the API", "GET", "/api/v1/top", nil, []string{"Accept", "text/html"}, 401,
			"application/problem+json"},
		{"a wrong cookie", "GET", "/", &http.Cookie{Name: Cookie, Value: good.Value + "x"}, nil, 401, ""},
		{"an empty cookie", "GET", "/", &http.Cookie{Name: Cookie}, nil, 401, ""},
		{"a wrong token", "GET", OpenPath + "?token=x", nil, nil, 401, ""},
		{"no token", "GET", OpenPath, nil, nil, 401, ""},
		{"another host", "GET", "/", good, []string{"Host", "rebound.example"}, 421, ""},
		{"another host's link", "GET", b.all.Link(), nil, []string{"Host", "rebound.example:8080"}, 421, ""},
		{"no host", "GET", "/", good, []string{"Host", ""}, 421, ""},
		{"another site", "GET", "/api/v1/top", good, []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"another port", "GET", "/api/v1/top", good, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode",
			"no-cors"}, 403, ""},
		{"another site's form", "POST", "/", good, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode",
			"navigate"}, 403, ""},
		{"a link on another site", "GET", "/", good, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode",
			"navigate"}, 200, ""},
		{"the page itself", "GET", "/", good, []string{"Sec-Fetch-Site", "same-origin"}, 200, ""},
		{"localhost", "GET", "/", good, []string{"Host", "LOCALHOST:8080"}, 200, ""},
		{"IPv6", "GET", "/", good, []string{"Host", "[::1]:8080"}, 200, ""},
		{"IPv6 without a port", "GET", "/", good, []string{"Host", "[::1]"}, 200, ""},
		{"the used link again, with the session", "GET", OpenPath + "?token=x", good, nil, 303, ""},
	} {
		w := b.do(c.method, c.path, c.cookie, c.headers...)
		if w.Code != c.status || (c.contentType != "" && w.Header().Get("Content-Type") != c.contentType) {
			t.Errorf("%s: %d %v", c.name, w.Code, w.Header())
		}
		if w.Code == http.StatusUnauthorized && !strings.Contains(w.Body.String(), "weir-sink link") {
			t.Errorf("%s: the answer does not say what to do: %s", c.name, w.Body)
		}
		if w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: the token may leave as a referrer", c.name)
		}
	}
}

// TestBounds: links and sessions are bounded; the oldest go.
func TestBounds(t *testing.T) {
	b := newBench()
	first := b.open(t)
	oldest := b.all.Link()
	for range maxLinks {
		b.all.Link()
	}
	if w := b.do("GET", oldest, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("the oldest link: %d", w.Code)
	}
	for range maxSessions {
		b.open(t)
	}
	if w := b.do("GET", "/", first); w.Code != http.StatusUnauthorized {
		t.Errorf("the oldest session: %d", w.Code)
	}
	if len(b.all.links) > maxLinks || len(b.all.sessions) != maxSessions {
		t.Errorf("%d links, %d sessions", len(b.all.links), len(b.all.sessions))
	}
}
