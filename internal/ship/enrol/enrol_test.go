// SPDX-License-Identifier: Apache-2.0

package enrol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/uplink"
)

// sink takes one code, once for each key.
type sink struct {
	code    string
	answer  http.HandlerFunc // instead of the sink's own
	keys    []string
	skew    time.Duration
	request uplink.Enrolment
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost || r.URL.Path != uplink.EnrolPath || json.Unmarshal(body, &s.request) != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	now := time.Now().Add(s.skew)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	problem := func(status int, kind string) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(uplink.Problem{Type: kind, Status: status})
	}
	switch err := uplink.Verify(r, s.request.PublicKey, now, body); {
	case errors.Is(err, uplink.ErrClockSkew):
		problem(http.StatusUnauthorized, uplink.ProblemClock)
	case err != nil:
		problem(http.StatusUnauthorized, "")
	case s.request.Code != s.code:
		problem(http.StatusForbidden, "")
	default:
		id := uplink.AgentID(s.request.PublicKey)
		s.keys = append(s.keys, id)
		_ = json.NewEncoder(w).Encode(uplink.Enrolled{Agent: id, Name: s.request.Name})
	}
}

// start runs a sink whose certificate the authority has signed, and returns its URL.
func start(t *testing.T, s *sink, certificate tls.Certificate, change ...func(*tls.Config)) string {
	t.Helper()
	server := httptest.NewUnstartedServer(s)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	for _, c := range change {
		c(server.TLS)
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that tests want to fail
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func TestEnrol(t *testing.T) {
	authority := sinktest.NewAuthority(t)
	code := uplink.NewCode(uplink.HashAuthority(authority.Certificate))
	s := &sink{code: code.String()}
	url := start(t, s, authority.Sign(t, "127.0.0.1"))
	path := filepath.Join(t.TempDir(), "state", "uplink")
	if _, _, err := Load(path); !errors.Is(err, ErrNotEnrolled) {
		t.Fatalf("load before: %v", err)
	}
	r := Request{Folder: path, URL: url + "/", Code: strings.ToLower(code.String()), Name: "gateway", Version: "1"}
	made, err := Enrol(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if *made != (Sink{url, s.keys[0], "gateway", string(authority.PEM()), nil}) {
		t.Errorf("%+v", made)
	}
	loaded, key, err := Load(path)
	if err != nil || *loaded != *made || uplink.AgentID(key.Public().(ed25519.PublicKey)) != made.Agent {
		t.Fatalf("%+v %v", loaded, err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, keyFile: 0o600, sinkFile: 0o600} {
		if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, mode)
		}
	}
	before, _ := os.ReadFile(filepath.Join(path, keyFile))
	if _, err := Enrol(t.Context(), r); !errors.Is(err, ErrEnrolled) {
		t.Errorf("twice: %v", err)
	}
	r.Force, r.Code = true, uplink.NewCode(code.Authority).String()
	if _, err := Enrol(t.Context(), r); !errors.Is(err, ErrRefused) {
		t.Errorf("by force with a wrong code: %v", err)
	}
	if after, _ := os.ReadFile(filepath.Join(path, keyFile)); string(after) != string(before) {
		t.Error("a refused code has replaced the key")
	}
	if _, _, err := Load(path); err != nil {
		t.Errorf("load after a refusal: %v", err)
	}
	r.Code = code.String()
	if _, err := Enrol(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if again, _, err := Load(path); err != nil || again.Agent == made.Agent || again.Agent != s.keys[1] {
		t.Errorf("by force: %+v %v", again, err)
	}
}

// TestKeyIsKept: an enrolment that failed leaves its key for the next one.
func TestKeyIsKept(t *testing.T) {
	authority := sinktest.NewAuthority(t)
	code := uplink.NewCode(uplink.HashAuthority(authority.Certificate))
	s := &sink{code: "another"}
	r := Request{Folder: t.TempDir(), URL: start(t, s, authority.Sign(t, "127.0.0.1")), Code: code.String(), Name: "g"}
	if _, err := Enrol(t.Context(), r); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	first := s.request.PublicKey
	s.code = code.String()
	if _, err := Enrol(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if string(s.request.PublicKey) != string(first) {
		t.Error("the second attempt has another key")
	}
}

// TestClientCertificate: a sink, or what is before it, may want a certificate of the agent's own.
func TestClientCertificate(t *testing.T) {
	authority := sinktest.NewAuthority(t)
	code := uplink.NewCode(uplink.HashAuthority(authority.Certificate))
	s := &sink{code: code.String()}
	server := authority.Sign(t, "127.0.0.1")
	url := start(t, s, server, func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		c.ClientCAs.AddCert(authority.Certificate)
	})
	r := Request{Folder: t.TempDir(), URL: url, Code: code.String()}
	if _, err := Enrol(t.Context(), r); err == nil {
		t.Error("enrolled without a certificate")
	}
	r.Client = []byte("x")
	if _, err := Enrol(t.Context(), r); err == nil || !strings.Contains(err.Error(), "own certificate") {
		t.Errorf("no certificate: %v", err)
	}
	own := authority.Sign(t, "agent")
	r.Client = sinktest.PEM(t, own)
	if _, err := Enrol(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	loaded, _, err := Load(r.Folder)
	if err != nil || loaded.Certificate == nil || !slices.EqualFunc(loaded.Certificate.Certificate, own.Certificate,
		bytes.Equal) {
		t.Errorf("%+v %v", loaded, err)
	}
	path := filepath.Join(r.Folder, clientFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := os.WriteFile(path, r.Client[:len(r.Client)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(r.Folder); err == nil || !strings.Contains(err.Error(), "own certificate") {
		t.Errorf("damaged: %v", err)
	}
}

func TestClock(t *testing.T) {
	authority := sinktest.NewAuthority(t)
	code := uplink.NewCode(uplink.HashAuthority(authority.Certificate))
	s := &sink{code: code.String(), skew: 40 * 24 * time.Hour}
	r := Request{Folder: t.TempDir(), URL: start(t, s, authority.Sign(t, "127.0.0.1")), Code: code.String(), Name: "g"}
	if _, err := Enrol(t.Context(), r); err != nil {
		t.Errorf("a sink a month ahead: %v", err)
	}
}

func TestWrongServer(t *testing.T) {
	authority, other := sinktest.NewAuthority(t), sinktest.NewAuthority(t)
	hash := uplink.HashAuthority(authority.Certificate)
	forged := other.Sign(t, "127.0.0.1") // shows the true authority, which has not signed it
	forged.Certificate[1] = authority.Certificate.Raw
	leaf := authority.Sign(t, "127.0.0.1")
	bare := leaf
	bare.Certificate = bare.Certificate[:1]
	for _, c := range []struct {
		name        string
		certificate tls.Certificate
		hash        [16]byte
		want        string
	}{
		{"another authority", other.Sign(t, "127.0.0.1"), hash, "another server answers"},
		{"a forged chain", forged, hash, "another server answers"},
		{"a certificate without its authority", bare, hash, "another server answers"},
		{"a certificate for another host", authority.Sign(t, "127.0.0.2"), hash, "not for 127.0.0.1"},
		{"the system's roots", leaf, [16]byte{}, "another server answers"},
	} {
		s := &sink{}
		code := uplink.NewCode(c.hash).String()
		r := Request{Folder: t.TempDir(), URL: start(t, s, c.certificate), Code: code, Name: "g"}
		if _, err := Enrol(t.Context(), r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if s.request.Code != "" {
			t.Errorf("%s: the server has got the code", c.name)
		}
		if _, _, err := Load(r.Folder); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestOtherAnswers(t *testing.T) {
	authority := sinktest.NewAuthority(t)
	code := uplink.NewCode(uplink.HashAuthority(authority.Certificate)).String()
	s := &sink{}
	url := start(t, s, authority.Sign(t, "127.0.0.1"))
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://127.0.0.1:1/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		answer http.HandlerFunc
		want   string
	}{
		{text(404, "<html>"), "answers 404"},
		{text(307, ""), "answers 307"},
		{text(503, ""), "busy"},
		{text(200, "<html>"), "none that weir understands"},
		{text(200, `{"agent":"00","name":"g"}`), "none that weir understands"},
		{text(200, strings.Repeat("[", 1<<20)), "none that weir understands"},
		{text(401, `{"type":"urn:weir:problem:clock"}`), "answers 401"},
	} {
		s.answer = c.answer
		r := Request{Folder: t.TempDir(), URL: url, Code: code, Name: "g"}
		if _, err := Enrol(t.Context(), r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestWrongRequests(t *testing.T) {
	code := uplink.NewCode([16]byte{1}).String()
	good := Request{Folder: t.TempDir(), URL: "https://127.0.0.1:1", Code: code, Name: "g"}
	for _, c := range []struct {
		change func(*Request)
		want   string
	}{
		{func(*Request) {}, "127.0.0.1:1: the sink refuses the connection"},
		{func(r *Request) { r.URL = "127.0.0.1:1/" }, "127.0.0.1:1: the sink refuses the connection"},
		{func(r *Request) { r.URL = "http://127.0.0.1:1" }, "no address of a sink"},
		{func(r *Request) { r.URL = "https://user:secret@127.0.0.1:1" }, "no address of a sink"},
		{func(r *Request) { r.URL = "" }, "no address of a sink"},
		{func(r *Request) { r.Code = "x" }, "no enrolment code"},
		{func(r *Request) { r.Name = "\xff" }, "not text of 64 bytes"},
		{func(r *Request) { r.Name = strings.Repeat("x", 65) }, "not text of 64 bytes"},
		{func(r *Request) { r.Folder = "/proc/no/such" }, "/proc/no"},
	} {
		r := good
		c.change(&r)
		if _, err := Enrol(t.Context(), r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", r, err, c.want)
		}
	}
}

// TestLoadDamaged: no damage of the two files is taken for an enrolment, and none is a panic.
func TestLoadDamaged(t *testing.T) {
	authority := sinktest.NewAuthority(t)
	code := uplink.NewCode(uplink.HashAuthority(authority.Certificate))
	s := &sink{code: code.String()}
	path := t.TempDir()
	r := Request{Folder: path, URL: start(t, s, authority.Sign(t, "127.0.0.1")), Code: code.String(), Name: "g"}
	made, err := Enrol(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{keyFile, sinkFile} {
		whole, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		for cut := range whole {
			if err := os.WriteFile(filepath.Join(path, name), whole[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			if loaded, _, err := Load(path); err == nil && *loaded != *made {
				t.Errorf("%s cut at %d is read as %+v", name, cut, loaded)
			}
		}
		if err := os.WriteFile(filepath.Join(path, name), whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzURL: an address that is taken stays what it is, and leads to no other host than it shows.
func FuzzURL(f *testing.F) {
	f.Add("https://sink.example:8443/")
	f.Add("192.0.2.7:8443")
	f.Add("https://[2001:db8::1]:8443/behind/a/proxy")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseURL(text)
		if err != nil {
			return
		}
		again, err := parseURL(u.String())
		if err != nil || again.String() != u.String() || again.Host != u.Host || u.Scheme != "https" || u.User != nil {
			t.Errorf("%q is %s, then %v %v", text, u, again, err)
		}
	})
}
