// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, method, path, encoding string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPages(t *testing.T) {
	for _, path := range []string{"/", "/devices", "/flows", "/agents", "/flows?t=6h&f=app:youtube"} {
		r := get(t, "GET", path, "")
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
			r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
		if b := body(t, r); !bytes.Contains(b, []byte("<title>weir</title>")) {
			t.Errorf("%s is not the page: %.100q", path, b)
		}
	}
}

// TestFiles fetches what the page names, and holds it against the policy: no script or style inside the page.
func TestFiles(t *testing.T) {
	page := body(t, get(t, "GET", "/", ""))
	found := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllSubmatch(page, -1)
	if len(found) < 3 {
		t.Fatalf("the page names %d files: %s", len(found), page)
	}
	for _, f := range found {
		path := string(f[1])
		r := get(t, "GET", path, "")
		if r.StatusCode != 200 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
		want := "no-cache"
		if strings.HasPrefix(path, "/assets/") {
			want = "public, max-age=31536000, immutable"
		}
		if got := r.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
		}
	}
	if m := regexp.MustCompile(`<script[^>]*>[^<]|<style|\son\w+=|style=`).Find(page); m != nil {
		t.Errorf("the page has a script or style inside, which its policy forbids: %s", m)
	}
}

func TestHeaders(t *testing.T) {
	for _, path := range []string{"/", "/flows", "/icon.svg", "/nothing"} {
		h := get(t, "GET", path, "").Header
		want := "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"base-uri 'none'; frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'"
		if got := h.Get("Content-Security-Policy"); got != want {
			t.Errorf("%s: policy %q", path, got)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/index.html", 404},
		{"GET", "/assets/", 404},
		{"GET", "/assets/../portal.go", 404},
		{"GET", "/api/v1/top", 404},
		{"GET", "/devices/", 404},
		{"POST", "/", 405},
		{"DELETE", "/flows", 405},
		{"HEAD", "/", 200},
	} {
		r := get(t, c.method, c.path, "")
		if r.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, r.StatusCode, c.status)
		}
		if c.method == "HEAD" && len(body(t, r)) != 0 {
			t.Errorf("HEAD %s has a body", c.path)
		}
	}
}

func TestGzip(t *testing.T) {
	plain := body(t, get(t, "GET", "/", ""))
	for _, c := range []struct {
		accept   string
		isZipped bool
	}{
		{"gzip", true}, {"br, GZIP;q=0.5", true}, {"gzip;q=0", false}, {"gzip; q=0.0", false}, {"identity", false},
		{"gzipped", false}, {"gzip;q=x", false},
	} {
		r := get(t, "GET", "/", c.accept)
		b := body(t, r)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != c.isZipped {
			t.Errorf("%q: gzip is %v", c.accept, got)
			continue
		}
		if c.isZipped {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(b, plain) {
			t.Errorf("%q: %d bytes differ from the page's %d", c.accept, len(b), len(plain))
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, dist := range map[string]fstest.MapFS{
		"no index":     {"dist/assets/a.js": &fstest.MapFile{}},
		"unknown type": {"dist/index.html": &fstest.MapFile{}, "dist/a.exe": &fstest.MapFile{}},
	} {
		if _, err := load(dist); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
