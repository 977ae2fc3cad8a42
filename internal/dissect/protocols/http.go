// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/wire/http"
)

// http: HTTP/1.x (RFC 9112) over TCP. Flows that begin as HTTP and switch have their own slug: websocket (RFC 6455),
// http-connect (RFC 9110 §9.3.6) and icecast. The field "carries" names a protocol inside HTTP.
var httpProtocol = &dissect.Protocol{
	Name:     "http",
	Also:     []string{"websocket", "http-connect", "icecast"},
	Spec:     "RFC 9110, RFC 9112; RFC 6455 §4",
	Category: "web",
	Over:     dissect.TCP,
	Ports:    []uint16{80, 631, 8080, 8000, 8008, 3128, 8888},
	// Methods are tokens in capitals, and anybody may add one; empty lines may precede
	Start:     dissect.ByteRange('A', 'Z').Or(dissect.BytesOf('\r', '\n')),
	MinLength: 1,
	Members: []string{"http.carries", "http.content_type", "http.host", "http.method", "http.path",
		"http.proxy", "http.server", "http.status", "http.user_agent", "http.x_forwarded_for", "tls.*"},
	Inspect: inspectHTTP,
}

const (
	// httpMaxPath bounds the path in the record, in bytes.
	httpMaxPath = 256
	// httpCertainTarget is how many bytes of a target, after "GET /" or the like, prove HTTP if the capture cut the end
	// of the line: 5 fixed bytes, and as many more that are neither controls nor blanks.
	httpCertainTarget = 64
	// httpPeek bounds the search for a body's type, in bytes.
	httpPeek = 256
)

// httpFacts holds fields of a request and its response.
type httpFacts struct {
	host, agent, forwarded, requestType     []byte // of the request
	server, responseType                    []byte // of the response
	upgrade, key, soap, icy, elastic, basic bool
}

func inspectHTTP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, response := c.ToServer(), c.ToClient()
	var q, a http.Head
	asked, answered := http.ParseRequest(request, &q), parseHTTPResponse(response, &a)
	if asked != http.Valid && answered != http.Valid && len(request)+len(response) > 0 {
		var q2, a2 http.Head // a capture from mid-flow may swap the sides
		if asked2, answered2 := http.ParseRequest(response, &q2),
			parseHTTPResponse(request, &a2); asked2 == http.Valid || answered2 == http.Valid {
			q, a, asked, answered = q2, a2, asked2, answered2
			request, response = response, request
		}
	}
	if asked != http.Valid && answered != http.Valid {
		if isIcecastSource(request) {
			r.SetProtocol("icecast")
			return dissect.Yes
		}
		return httpUnfinished(&q, asked, answered, r)
	}
	var f httpFacts
	f.readRequest(&q)
	f.readResponse(&a)
	f.tell(&q, &a, request[q.Size:], response[a.Size:], r)
	if q.Size == 0 && (asked == http.Valid || len(request) == 0) || a.Size == 0 {
		return dissect.YesMore // the rest of a head is due, or one side is silent
	}
	if a.Status/100 == 1 && a.Status != 101 {
		return dissect.YesMore // 100 Continue: the real response follows
	}
	if isHTTPConnect(&q) && a.Status/100 == 2 {
		return insideTLS(request[q.Size:], response[a.Size:], r)
	}
	return dissect.Yes
}

// parseHTTPResponse is http.ParseResponse, but also accepts the status line of old streaming servers ("ICY 200 OK").
func parseHTTPResponse(b []byte, a *http.Head) http.State {
	if !hasPrefix(b, "ICY 200 OK") {
		return http.ParseResponse(b, a)
	}
	a.Status = 200
	return http.Valid
}

// httpUnfinished decides while no start line is complete.
func httpUnfinished(q *http.Head, asked, answered http.State, r *dissect.Result) dissect.Verdict {
	if asked == http.Partial && len(q.Target) >= httpCertainTarget && q.Target[0] == '/' &&
		bytes.IndexByte(q.Target, ' ') < 0 {
		switch string(q.Method) {
		case "GET", "POST", "HEAD", "PUT":
			r.Object("http").Text("method", q.Method)
			return dissect.YesMore
		}
	}
	if asked == http.Partial || answered == http.Partial {
		return dissect.NeedMore
	}
	return dissect.No
}

func (f *httpFacts) readRequest(q *http.Head) {
	for name, value, ok := q.Next(); ok; name, value, ok = q.Next() {
		switch {
		case http.Is(name, "host"):
			f.host = value
		case http.Is(name, "user-agent"):
			f.agent = value
		case http.Is(name, "content-type"):
			f.requestType = value
		case http.Is(name, "x-forwarded-for"):
			f.forwarded = value
		case http.Is(name, "upgrade"):
			f.upgrade = hasPrefixFold(value, "WEBSOCKET")
		case http.Is(name, "sec-websocket-key"):
			f.key = true
		case http.Is(name, "authorization"), http.Is(name, "proxy-authorization"): // RFC 9110 §11.6.2, §11.7.2
			f.basic = f.basic || hasPrefixFold(value, "BASIC ")
		case http.Is(name, "soapaction"):
			f.soap = true
		}
	}
}

func (f *httpFacts) readResponse(a *http.Head) {
	for name, value, ok := a.Next(); ok; name, value, ok = a.Next() {
		switch {
		case http.Is(name, "server"):
			f.server = value
		case http.Is(name, "content-type"):
			f.responseType = value
		case http.Is(name, "sec-websocket-accept"):
			f.key, f.upgrade = true, true
		case http.Is(name, "x-elastic-product"):
			f.elastic = true
		case len(name) > 4 && hasPrefixFold(name, "ICY-"):
			f.icy = true
		}
	}
}

// tell sets the result's slug, and calls describe.
func (f *httpFacts) tell(q, a *http.Head, requestBody, responseBody []byte, r *dissect.Result) {
	switch {
	case isHTTPConnect(q):
		r.SetProtocol("http-connect")
	case f.upgrade && f.key && (a.Status == 0 || a.Status == 101):
		r.SetProtocol("websocket")
	case isIcecast(q, responseBody):
		r.SetProtocol("icecast")
	}
	f.describe(q, a, requestBody, responseBody, r)
}

// describe writes the host and the object.
func (f *httpFacts) describe(q, a *http.Head, requestBody, responseBody []byte, r *dissect.Result) {
	authority, path := httpTarget(q)
	if authority == nil {
		authority = f.host
	}
	host := cutPort(authority)
	if len(host) > 0 {
		r.SetHost(host) // else a preceding proxy's host stays
	}
	if f.basic {
		r.Risk(record.RiskCleartextCredentials)
	}
	o := r.Object("http")
	o.Text("method", q.Method)
	o.Text("host", host)
	o.Text("path", path)
	if a.Status != 0 {
		o.Int("status", int64(a.Status))
	}
	o.Text("user_agent", f.agent)
	o.Text("server", f.server)
	o.Text("content_type", httpMediaType(f.responseType))
	o.Text("x_forwarded_for", f.forwarded)
	if authority != nil && len(path) > 0 && q.Target[0] != '/' {
		o.Bool("proxy", true) // absolute-form goes to proxies only (RFC 9112 §3.2.2)
	}
	o.String("carries", f.carries(q, requestBody, responseBody))
}

// httpTarget splits a request target (RFC 9112 §3.2) into authority, nil if absent, and path without query.
func httpTarget(q *http.Head) (authority, path []byte) {
	target := q.Target
	if isHTTPConnect(q) {
		return target, nil
	}
	if i := bytes.Index(target[:min(len(target), 16)], []byte("://")); i > 0 && target[0] != '/' {
		rest := target[i+3:]
		slash := bytes.IndexAny(rest, "/?")
		if slash < 0 {
			slash = len(rest)
		}
		authority, target = rest[:slash], rest[slash:]
		if at := bytes.LastIndexByte(authority, '@'); at >= 0 {
			authority = authority[at+1:] // user names stay private
		}
	}
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		target = target[:i]
	}
	return authority, target[:min(len(target), httpMaxPath)]
}

// cutPort removes the port from an authority (RFC 3986 §3.2), and the brackets from an IPv6 address.
func cutPort(authority []byte) []byte {
	if len(authority) > 0 && authority[0] == '[' {
		if end := bytes.IndexByte(authority, ']'); end > 0 {
			return authority[1:end]
		}
	}
	if i := bytes.IndexByte(authority, ':'); i >= 0 && bytes.LastIndexByte(authority, ':') == i {
		return authority[:i]
	}
	return authority
}

// httpMediaType returns a Content-Type without its parameters.
func httpMediaType(value []byte) []byte {
	if i := bytes.IndexByte(value, ';'); i >= 0 {
		value = value[:i]
	}
	return bytes.TrimRight(value, " ")
}

// httpCarried maps media types, in capitals for hasPrefixFold, to the protocols that HTTP carries.
var httpCarried = []struct{ mediaType, slug string }{
	{"APPLICATION/IPP", "ipp"},               // RFC 8010 §3.4
	{"APPLICATION/OCSP-RE", "ocsp"},          // -request, -response: RFC 6960 appendix A
	{"APPLICATION/SOAP+XML", "soap"},         // RFC 3902
	{"APPLICATION/VND.APPLE.MPEGURL", "hls"}, // RFC 8216 §4
	{"APPLICATION/X-MPEGURL", "hls"},
	{"AUDIO/MPEGURL", "hls"},
	{"APPLICATION/DASH+XML", "mpeg-dash"},    // ISO/IEC 23009-1 annex C
	{"APPLICATION/DNS-MESSAGE", "doh"},       // RFC 8484 §6
	{"APPLICATION/RPC", "ms-rpch"},           // MS-RPCH §2.1.2
	{"APPLICATION/X-RTSP-TUNNELLED", "rtsp"}, // QuickTime
}

// httpWebDAV are the methods of RFC 4918 §9 and of RFC 3253.
var httpWebDAV = []string{"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT"}

// carries names the protocol inside HTTP, "" for the web itself.
func (f *httpFacts) carries(q *http.Head, requestBody, responseBody []byte) string {
	for _, m := range httpWebDAV {
		if string(q.Method) == m {
			return "webdav"
		}
	}
	for _, c := range httpCarried {
		if hasPrefixFold(f.requestType, c.mediaType) || hasPrefixFold(f.responseType, c.mediaType) {
			return c.slug
		}
	}
	switch {
	case f.soap:
		return "soap"
	case f.elastic:
		return "elasticsearch"
	case f.icy:
		return "icecast"
	case q.Size > 0 && bytes.Contains(requestBody[:min(len(requestBody), httpPeek)], []byte(`"jsonrpc"`)):
		return "json-rpc"
	}
	return ""
}
