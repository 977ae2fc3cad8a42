// SPDX-License-Identifier: Apache-2.0

// Package session lets one person's browser see the page of a sink: who has the one-time link, which only the sink's
// owner can ask for, gets a cookie. The page is served on loopback only.
package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/sink/problem"
)

const (
	// Cookie is the name of the session's cookie.
	Cookie = "weir_session"
	// OpenPath is the path of a link.
	OpenPath = "/open"
	// LinkLife is how long a link is valid, Life how long the session is that it opens.
	LinkLife = 15 * time.Minute
	Life     = 7 * 24 * time.Hour

	maxLinks    = 16 // the oldest goes
	maxSessions = 64
)

// hash is the SHA-256 of a secret: memory, and a core of it, holds no secret that opens the page.
type hash [32]byte

// grant is a secret's hash with its end.
type grant struct {
	hash    hash
	expires time.Time
}

// Sessions keeps links and sessions. They end with the process.
type Sessions struct {
	now func() time.Time

	mu       sync.Mutex
	links    []grant
	sessions []grant
}

// New returns Sessions.
func New(now func() time.Time) *Sessions { return &Sessions{now: now} }

// add makes a secret that is valid for that time.
func (s *Sessions) add(to *[]grant, life time.Duration, most int) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	secret := base64.RawURLEncoding.EncodeToString(b[:])
	now := s.now()
	var kept []grant
	for _, g := range *to {
		if now.Before(g.expires) {
			kept = append(kept, g)
		}
	}
	if len(kept) >= most {
		kept = kept[len(kept)-most+1:]
	}
	*to = append(kept, grant{sha256.Sum256([]byte(secret)), now.Add(life)})
	return secret
}

// find returns the place of a valid secret, -1 without it.
func (s *Sessions) find(in []grant, secret string) int {
	h := hash(sha256.Sum256([]byte(secret)))
	for i, g := range in {
		if g.hash == h && s.now().Before(g.expires) {
			return i
		}
	}
	return -1
}

// Link returns the path and query of a new link, which opens the page once.
func (s *Sessions) Link() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return OpenPath + "?token=" + s.add(&s.links, LinkLife, maxLinks)
}

// Wrap lets only requests with a session through to the page.
func (s *Sessions) Wrap(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case !IsLoopback(r.Host):
			problem.Write(w, http.StatusMisdirectedRequest, "the page is at a loopback address only, such as 127.0.0.1")
		case isForeign(r):
			problem.Write(w, http.StatusForbidden, "a request of another site")
		case r.URL.Path == OpenPath:
			s.open(w, r)
		case !s.has(r):
			refuse(w, r)
		default:
			page.ServeHTTP(w, r)
		}
	})
}

// IsLoopback reports whether a Host header names this machine. A page of another name that resolves to loopback (DNS
// rebinding) has another Host.
func IsLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// isForeign reports whether a page of another origin made a request other than to show this page. Another port of this
// machine is the same site to a cookie, but not to the browser's own header.
func isForeign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Method != http.MethodGet
}

// has reports whether a request has a session.
func (s *Sessions) has(r *http.Request) bool {
	for _, c := range r.CookiesNamed(Cookie) { // another program on this machine may have set one, too
		s.mu.Lock()
		i := s.find(s.sessions, c.Value)
		s.mu.Unlock()
		if i >= 0 {
			return true
		}
	}
	return false
}

// open uses a link up and begins a session.
func (s *Sessions) open(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		problem.Write(w, http.StatusMethodNotAllowed, "a link is opened with GET")
		return
	}
	s.mu.Lock()
	i := s.find(s.links, r.URL.Query().Get("token"))
	if i < 0 {
		s.mu.Unlock()
		if s.has(r) { // opened a second time, by the same browser
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		refuse(w, r)
		return
	}
	s.links = append(s.links[:i:i], s.links[i+1:]...)
	secret := s.add(&s.sessions, Life, maxSessions)
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: Cookie, Value: secret, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(Life / time.Second)})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

const refusedPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>weir: no session</title>
<body><main><h1>This page is closed</h1>
<p>A one-time link opens it. Run this on the sink's machine, and open the link that it prints:</p>
<pre>weir-sink link</pre>
<p>A link is valid once, for 15 minutes; the session that it opens ends after a week, or when the sink ends.</p>
</main></body></html>
`

// refuse answers a request without a session: people with a page, programs with a problem.
func refuse(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		problem.Write(w, http.StatusUnauthorized, "there is no session: weir-sink link prints a link that opens one")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(refusedPage))
}
