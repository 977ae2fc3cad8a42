// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func request(t *testing.T, method, url string, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSignature(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, _, _ := ed25519.GenerateKey(nil)
	now, body := time.Unix(1_800_000_000, 0), []byte("a body")
	for _, c := range []struct {
		name   string
		change func(r *http.Request)
		key    ed25519.PublicKey
		at     time.Time
		body   string
		want   error
	}{
		{"as signed", func(*http.Request) {}, public, now, "a body", nil},
		{"at the limit", func(*http.Request) {}, public, now.Add(MaxClockSkew), "a body", nil},
		{"too late", func(*http.Request) {}, public, now.Add(MaxClockSkew + time.Second), "a body", ErrClockSkew},
		{"too early", func(*http.Request) {}, public, now.Add(-MaxClockSkew - time.Second), "a body", ErrClockSkew},
		{"another key", func(*http.Request) {}, other, now, "a body", ErrUnsigned},
		{"no key", func(*http.Request) {}, nil, now, "a body", ErrUnsigned},
		{"another body", func(*http.Request) {}, public, now, "a Body", ErrUnsigned},
		{"another path", func(r *http.Request) { r.URL.Path = EnrolPath }, public, now, "a body", ErrUnsigned},
		{"another method", func(r *http.Request) { r.Method = "PUT" }, public, now, "a body", ErrUnsigned},
		{"another time", func(r *http.Request) { r.Header.Set(TimeHeader, "1800000001") }, public, now, "a body",
			ErrUnsigned},
		{"no time", func(r *http.Request) { r.Header.Del(TimeHeader) }, public, now, "a body", ErrUnsigned},
		{"a time out of range", func(r *http.Request) { r.Header.Set(TimeHeader, "9223372036854775807") }, public, now,
			"a body", ErrUnsigned},
		{"a time before the epoch", func(r *http.Request) { r.Header.Set(TimeHeader, "-9223372036854775808") }, public,
			now, "a body", ErrUnsigned},
		{"no signature", func(r *http.Request) { r.Header.Del(SignatureHeader) }, public, now, "a body", ErrUnsigned},
		{"no base64", func(r *http.Request) { r.Header.Set(SignatureHeader, "%") }, public, now, "a body", ErrUnsigned},
	} {
		r := request(t, "POST", "https://sink.example"+ReportsPath, body)
		Sign(r, private, now, body)
		if id := r.Header.Get(AgentHeader); len(id) != 32 || id != AgentID(public) {
			t.Fatalf("agent %q", id)
		}
		c.change(r)
		if err := Verify(r, c.key, c.at, []byte(c.body)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestCode(t *testing.T) {
	code := NewCode([16]byte{1, 2, 3})
	text := code.String()
	for _, typed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", ""),
		strings.ReplaceAll(text, "-", " ")} {
		if read, err := ParseCode(typed); err != nil || read != code {
			t.Errorf("%q: %v %v", typed, read, err)
		}
	}
	for cut := range len(text) {
		if _, err := ParseCode(text[:cut]); !errors.Is(err, ErrCode) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if NewCode(code.Authority).Secret == code.Secret {
		t.Error("the same secret twice")
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add(NewCode([16]byte{9}).String())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := ParseCode(text)
		if err != nil {
			return
		}
		if again, err := ParseCode(code.String()); err != nil || again != code {
			t.Errorf("%q is read as %v, then %v, %v", text, code, again, err)
		}
	})
}
