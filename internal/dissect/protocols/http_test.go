// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The first exchange is RFC 9110 §3.9's, the WebSocket one RFC 6455 §1.3's; the others are built by hand.
var (
	httpGet = tcp(80,
		C("GET /hello.txt?key=1 HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\nX-Forwarded-For: "+
			"192.0.2.9\r\n\r\n"),
		S("HTTP/1.1 200 OK\r\nServer: Apache\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello World!"))
	httpWebSocket = tcp(8008,
		C("GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"),
		S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
)

func TestHTTP(t *testing.T) {
	h := wantProtocol(t, httpGet, "http", `"method":"GET"`, `"path":"/hello.txt"`, `"status":200`,
		`"user_agent":"curl/7.64.1"`,
		`"server":"Apache"`, `"content_type":"text/plain"`, `"x_forwarded_for":"192.0.2.9"`)
	if h.Host != "www.example.com" || strings.Contains(h.Info, "key=") {
		t.Errorf("host %q, %s", h.Host, h.Info)
	}
	if h := listen(t, tcp(80, C("GET / HTTP/1.1\r\nAuthorization: Basic YTpi\r\n\r\n"))); len(h.Risks) != 1 ||
		h.Risks[0] != "cleartext-credentials" {
		t.Errorf("risks %v", h.Risks)
	}
	for _, k := range []talk{
		tcp(3128, C("GET http://a.example/ HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n")),
		tcp(3128, C("CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: basic YTpi\r\nAuthorization: Bearer a\r\n"+
			"\r\n")),
	} {
		if h := listen(t, k); len(h.Risks) != 1 || h.Risks[0] != "cleartext-credentials" {
			t.Errorf("risks %v", h.Risks)
		}
	}
	for _, head := range []string{"\r\nGET / HTTP/1.1\r\n", "\nPOST / HTTP/1.0\r\n", "GET HTTP/1.1\r\n",
		"GET  HTTP/1.1\r\n", "GET  / HTTP/1.1 \r\n"} {
		for _, k := range []talk{tcp(80, C(head+"Host: a.example\r\n\r\n")), tcp(4000, C(head[:1]), C(head[1:]),
			C("Host: a.example\r\n\r\n"))} {
			if h := wantProtocol(t, k, "http"); h.Host != "a.example" {
				t.Errorf("%q: host %q", head, h.Host)
			}
		}
	}
	wantProtocol(t, httpWebSocket, "websocket", `"path":"/chat"`)
	wantProtocol(t, tcp(80, S("HTTP/1.1 200 OK\r\nServer: a\r\n\r\n")), "http", `"server":"a"`)
	wantProtocol(t, tcp(9, C("G"), C("ET / HT"), C("TP/1.1\r\nHost: a\r"), C("\n\r\n")), "http", `"host":"a"`)
	wantProtocol(t, tcp(80, C("GET /"+strings.Repeat("a", 80))), "http")
	swapped := tcp(50000, S("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), C("HTTP/1.1 204 No Content\r\n\r\n"))
	swapped.Midstream = true
	wantProtocol(t, swapped, "http", `"status":204`)
	wantProtocol(t, tcp(80, S("HTTP/1.1 304 Not Modified\r\n\r\n"), C("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")), "http",
		`"host":"a"`)
	for _, k := range []talk{httpGet, httpWebSocket} {
		testTruncations(t, "http", k, 20)
		wantNoAllocations(t, "http", k)
	}
}

func TestHTTPCarries(t *testing.T) {
	for slug, head := range map[string]string{
		"ipp":       "POST /ipp HTTP/1.1\r\nContent-Type: application/ipp\r\n\r\n",
		"ocsp":      "POST / HTTP/1.1\r\nContent-Type: application/ocsp-request\r\n\r\n",
		"soap":      "POST / HTTP/1.1\r\nSOAPAction: \"\"\r\n\r\n",
		"webdav":    "PROPFIND / HTTP/1.1\r\n\r\n",
		"ms-rpch":   "RPC_IN_DATA /rpc/rpcproxy.dll HTTP/1.1\r\nContent-Type: application/rpc\r\n\r\n",
		"json-rpc":  "POST / HTTP/1.1\r\n\r\n{\"jsonrpc\":\"2.0\"}",
		"mpeg-dash": "PUT /a.mpd HTTP/1.1\r\nContent-Type: application/dash+xml\r\n\r\n",
	} {
		wantProtocol(t, tcp(80, C(head)), "http", `"carries":"`+slug+`"`)
	}
}

func TestHTTPTargets(t *testing.T) {
	for target, want := range map[string]string{
		"http://user@a.example:8080/x?y": "a.example", "http://[2001:db8::1]:80/": "2001:db8::1",
		"http://a.example": "a.example", "/a://b": "",
	} {
		if h := wantProtocol(t, tcp(80, C("GET "+target+" HTTP/1.1\r\n\r\n")), "http"); h.Host != want {
			t.Errorf("%s: host %q, want %q", target, h.Host, want)
		}
	}
}

func TestNotHTTP(t *testing.T) {
	for _, first := range []string{"\r\nHELLO\r\n", "\r\n\r\n", "GET / RTSP/1.0\r\n", "OPTIONS sip:a@b SIP/2.0\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 banana\r\n", "GET \x00\x01\x02", "HELLO\r\n", "G"} {
		wantNot(t, tcp(80, C(first)), "http")
	}
}

func FuzzHTTP(f *testing.F) { fuzzTalks(f, "http", httpGet, httpWebSocket, httpConnect, httpIcy) }
