// SPDX-License-Identifier: Apache-2.0

// Package portal serves the sink's page, whose sources are in web/. The built files are committed here, so that
// building the sink needs no Node.js; `make generate` makes them.
package portal

//go:generate ../../../web/scripts/generate

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed dist
var built embed.FS

// policy allows the page what it needs: its own scripts, styles and API. A script that gets into a name in some way
// runs nowhere, and no other site may frame the page.
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'"

// file is one of the page's, ready to be sent.
type file struct {
	mediaType     string
	cacheControl  string
	plain, zipped []byte
}

// mediaTypes are those of the files that a build makes.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

const (
	immutable  = "public, max-age=31536000, immutable" // a file's name has the hash of its contents
	revalidate = "no-cache"
	noStore    = "no-store"
)

// pages are the paths that the page draws itself.
var pages = []string{"/", "/devices", "/flows", "/agents"}

// Handler returns what serves the page and its files. It answers GET and HEAD.
func Handler() http.Handler {
	files, err := load(built)
	if err != nil {
		panic(err) // the embedded files are part of the program
	}
	return handler(files)
}

func load(dist fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f := &file{mediaType: mediaTypes[path.Ext(name)], cacheControl: revalidate}
		if f.mediaType == "" {
			return fmt.Errorf("portal: %s is of no known type", name)
		}
		if f.plain, err = fs.ReadFile(dist, name); err != nil {
			return err
		}
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one, and a Buffer takes everything
		_, _ = w.Write(f.plain)
		_ = w.Close()
		f.zipped = b.Bytes()
		url := strings.TrimPrefix(name, "dist")
		if strings.HasPrefix(url, "/assets/") {
			f.cacheControl = immutable
		}
		files[url] = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	index := files["/index.html"]
	if index == nil {
		return nil, fmt.Errorf("portal: dist has no index.html")
	}
	index.cacheControl = noStore
	delete(files, "/index.html")
	for _, p := range pages {
		files[p] = index
	}
	return files, nil
}

func handler(files map[string]*file) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		f := files[r.URL.Path]
		switch {
		case f == nil:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			f.send(w, r)
		}
	})
}

func (f *file) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", f.cacheControl)
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // who asked is gone, or has all
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3); q=0 is a no.
func acceptsGzip(header string) bool {
	for each := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(each, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight, hasWeight := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !hasWeight || err == nil && q > 0
	}
	return false
}
