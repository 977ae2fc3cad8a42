// SPDX-License-Identifier: Apache-2.0

package http

import (
	"strings"
	"testing"
)

// The first request and response are the examples of RFC 9110 §3.9.
const (
	request = "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\nAccept-Language: en, " +
		"mi\r\n\r\n"
	response = "HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\n\r\nHello World!"
)

func field(h Head, name string) string {
	for {
		n, v, ok := h.Next()
		if !ok {
			return ""
		}
		if Is(n, name) {
			return string(v)
		}
	}
}

func TestRequest(t *testing.T) {
	for name, c := range map[string]struct {
		in             string
		state          State
		method, target string
		host           string
		size           int
	}{
		"RFC 9110 example": {request, Valid, "GET", "/hello.txt", "www.example.com", len(request)},
		"LF only":          {"HEAD / HTTP/1.0\nhost:a\n\nrest", Valid, "HEAD", "/", "a", 24},
		"folded and odd lines": {"GET / HTTP/1.1\r\nX: a\r\n b: c\r\nnonsense\r\nHost : h \r\n\r\n", Valid, "GET", "/",
			"h", 52},
		"spaces in the target": {"GET /a b HTTP/1.1\r\n", Valid, "GET", "/a b", "", 0},
		"field not whole":      {"PUT * HTTP/1.1\r\nHost: exa", Valid, "PUT", "*", "", 0},
		"RPC over HTTP":        {"RPC_IN_DATA /rpc/x HTTP/1.1\r\n", Valid, "RPC_IN_DATA", "/rpc/x", "", 0},
		"cut in the target":    {"GET /hello", Partial, "GET", "/hello", "", 0},
		"cut in the method":    {"GE", Partial, "", "", "", 0},
		"RTSP":                 {"DESCRIBE rtsp://a/b RTSP/1.0\r\n", Invalid, "", "", "", 0},
		"SIP":                  {"INVITE sip:a@b SIP/2.0\r\n", Invalid, "", "", "", 0},
		"HTTP/2":               {"PRI * HTTP/2.0\r\n", Invalid, "", "", "", 0},
		"no target":            {"GET HTTP/1.1\r\nHost: a\r\n\r\n", Valid, "GET", "", "a", 25},
		"empty target":         {"POST  HTTP/1.1\r\n", Valid, "POST", "", "", 0},
		"blanks":               {"GET \t /a \t HTTP/1.1 \r\n", Valid, "GET", "/a", "", 0},
		"no method":            {" HTTP/1.1\r\n", Invalid, "", "", "", 0},
		"version alone":        {"HTTP/1.1\r\n", Invalid, "", "", "", 0},
		"empty lines before":   {"\r\n\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Valid, "GET", "/", "a", 32},
		"empty line alone":     {"\r\n", Partial, "", "", "", 0},
		"half an empty line":   {"\r\n\r", Partial, "", "", "", 0},
		"many empty lines": {strings.Repeat("\r\n", maxEmptyLines+1) + "GET / HTTP/1.1\r\n", Invalid, "", "", "",
			0},
		"method too long": {strings.Repeat("A", MaxMethod+1), Invalid, "", "", "", 0},
		"binary":          {"GET \x00\x01", Invalid, "", "", "", 0},
		"small letters":   {"get / HTTP/1.1\r\n", Invalid, "", "", "", 0},
	} {
		var h Head
		if s := ParseRequest([]byte(c.in), &h); s != c.state {
			t.Errorf("%s: state %d, want %d", name, s, c.state)
		}
		if string(h.Method) != c.method || string(h.Target) != c.target || h.Size != c.size ||
			field(h, "host") != c.host {
			t.Errorf("%s: %q %q host %q size %d", name, h.Method, h.Target, field(h, "host"), h.Size)
		}
	}
}

func TestResponse(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		state  State
		status int
		server string
	}{
		"RFC 9110 example": {response, Valid, 200, "Apache"},
		"no reason":        {"HTTP/1.0 404\r\nServer:\ta\r\n", Valid, 404, "a"},
		"cut":              {"HTTP/1.1 20", Partial, 0, ""},
		"letters":          {"HTTP/1.1 2x0 OK\r\n", Invalid, 2, ""},
		"below 100":        {"HTTP/1.1 099 OK\r\n", Invalid, 99, ""},
		"four digits":      {"HTTP/1.1 2000 OK\r\n", Invalid, 0, ""},
		"another protocol": {"RTSP/1.0 200 OK\r\n", Invalid, 0, ""},
	} {
		var h Head
		if s := ParseResponse([]byte(c.in), &h); s != c.state || h.Status != c.status && s == Valid ||
			field(h, "server") != c.server {
			t.Errorf("%s: state %d, status %d, server %q", name, s, h.Status, field(h, "server"))
		}
	}
}

func TestTruncations(t *testing.T) {
	for n := range request {
		var h Head
		s := ParseRequest([]byte(request[:n]), &h)
		if line := strings.Index(request, "\n"); (s == Valid) != (n > line) {
			t.Errorf("%d bytes: state %d", n, s)
		}
		if h.Size != 0 {
			t.Errorf("%d bytes: the head seemed whole", n)
		}
		if end := strings.Index(request, "Accept"); field(h, "host") != "" && n < end {
			t.Errorf("%d bytes: an incomplete host", n)
		}
	}
}

func TestFieldsAreBounded(t *testing.T) {
	var h Head
	b := []byte("GET / HTTP/1.1\r\n" + strings.Repeat("a:b\r\n", 10*MaxFields) + "\r\n")
	if ParseRequest(b, &h) != Valid || h.Size != 0 {
		t.Error("a head with too many fields was read to its end")
	}
	n := 0
	for _, _, ok := h.Next(); ok; _, _, ok = h.Next() {
		n++
	}
	if n != MaxFields {
		t.Errorf("%d fields, want %d", n, MaxFields)
	}
}

func TestNoAllocations(t *testing.T) {
	b := []byte(request)
	if n := testing.AllocsPerRun(100, func() {
		var h Head
		ParseRequest(b, &h)
		for _, _, ok := h.Next(); ok; _, _, ok = h.Next() {
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzHead(f *testing.F) {
	f.Add([]byte(request))
	f.Add([]byte(response))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Head
		for _, s := range []State{ParseRequest(b, &h), ParseResponse(b, &h)} {
			if s == Valid && h.Size > len(b) {
				t.Errorf("head of %d bytes in %d", h.Size, len(b))
			}
		}
		for _, _, ok := h.Next(); ok; _, _, ok = h.Next() {
		}
	})
}
