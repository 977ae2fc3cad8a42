// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"strconv"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/wire/http"
)

const (
	// maxPipelined bounds the requests of a flow that wait for their responses.
	maxPipelined = 16
	// maxURL, maxHost and maxText bound the texts of an event, in bytes.
	maxURL  = 1024
	maxHost = 256
	maxText = 256
	// maxChunkLine bounds the line with a chunk's size and its extensions (RFC 9112 §7.1).
	maxChunkLine = 256
)

// request is a request that waits for its response.
type request struct {
	number  uint64
	time    int64
	end     uint32 // sequence number after its head
	minor   byte
	isHead  bool // its response has no body
	tunnels bool // CONNECT
	length  uint64
	hasSize bool // length is known
	fields  [nFields]struct{ start, end uint16 }
	text    [http.MaxMethod + maxURL + maxHost + 2*maxText]byte
	used    uint16
}

// The texts of a request.
const (
	method = iota
	url
	host
	agent
	referrer
	nFields
)

// set sets a text that is not set yet.
func (r *request) set(field int, text []byte, most int) {
	if r.fields[field].end > 0 {
		return
	}
	n := copy(r.text[r.used:], text[:min(len(text), most)])
	r.fields[field] = struct{ start, end uint16 }{r.used, r.used + uint16(n)}
	r.used += uint16(n)
}

func (r *request) get(field int) []byte { return r.text[r.fields[field].start:r.fields[field].end] }

// body is how the end of a message's body is found (RFC 9112 §6.3).
type body struct {
	length  uint64
	hasSize bool
	chunked bool
	isBad   bool // its lengths contradict each other
}

// field reads a field that tells of the body.
func (b *body) field(name, value []byte) {
	switch {
	case http.Is(name, "content-length"):
		n, err := strconv.ParseUint(string(value), 10, 63)
		b.isBad = b.isBad || err != nil || b.hasSize && n != b.length
		b.length, b.hasSize = n, true
	case http.Is(name, "transfer-encoding"):
		const last = "chunked"
		b.chunked = len(value) >= len(last) && http.Is(value[len(value)-len(last):], last)
	}
}

// parseHTTP reads heads, and passes over bodies.
func (m *Maker) parseHTTP(s *Stream, i int, p *Packet, b []byte) (n int, ok bool) {
	w := &s.ways[i]
	for n < len(b) && !w.isOver {
		if w.skip > 0 {
			step := min(w.skip, uint64(len(b)-n))
			w.skip -= step
			n += int(step)
			continue
		}
		var size int
		if w.part == head {
			size, ok = m.parseHead(s, i, p, b[n:], w.at+uint32(n))
		} else {
			size, ok = w.parseChunk(b[n:])
		}
		if !ok {
			return n, false
		}
		if size == 0 {
			return n, true
		}
		n += size
	}
	return n, true
}

// parseHead reads a head; at is its sequence number. size is 0 until it is complete.
func (m *Maker) parseHead(s *Stream, i int, p *Packet, b []byte, at uint32) (size int, ok bool) {
	var h http.Head
	state := http.Partial
	if i == 0 {
		state = http.ParseRequest(b, &h)
	} else {
		state = http.ParseResponse(b, &h)
	}
	if state == http.Invalid {
		return 0, false
	}
	isCut := h.Size == 0 && (len(p.Payload) < p.Length || len(b) >= streamBytes)
	if h.Size == 0 && !isCut {
		return 0, true
	}
	if state == http.Valid {
		if i == 0 {
			m.request(s, p, &h, at+uint32(h.Size))
		} else {
			m.response(s, p, &h)
		}
	}
	return h.Size, !isCut // without the end of the head, nobody knows where the next one begins
}

// request keeps a request until its response comes.
func (m *Maker) request(s *Stream, p *Packet, h *http.Head, end uint32) {
	if s.nRequests == maxPipelined {
		m.Counters.Omitted++
		m.unmatched(s, p.Number)
	}
	r := m.free.requests.get(maxRequests)
	isKept := r != nil
	if !isKept {
		m.Counters.Omitted++
		r = &m.unkept
	}
	*r = request{number: p.Number, time: p.Time, end: end, minor: h.Minor, isHead: string(h.Method) == "HEAD",
		tunnels: string(h.Method) == "CONNECT"}
	r.set(method, h.Method, http.MaxMethod)
	r.set(url, h.Target, maxURL)
	var length body
	for name, value, ok := h.Next(); ok; name, value, ok = h.Next() {
		switch {
		case http.Is(name, "host"):
			r.set(host, value, maxHost)
		case http.Is(name, "user-agent"):
			r.set(agent, value, maxText)
		case http.Is(name, "referer"):
			r.set(referrer, value, maxText)
		default:
			length.field(name, value)
		}
	}
	r.length, r.hasSize = length.length, length.hasSize
	s.ways[0].follow(&length, true)
	if isKept {
		s.requests[s.nRequests] = r
		s.nRequests++
	}
}

// response tells of a response, and of the request that it answers.
func (m *Maker) response(s *Stream, p *Packet, h *http.Head) {
	if h.Status/100 == 1 && h.Status != 101 {
		return // the real response follows
	}
	for !s.isMatched && s.nRequests > 1 && p.ACK && int32(p.Ack-s.requests[1].end) >= 0 {
		m.unmatched(s, p.Number) // its response is lost: the server has got the next request too
	}
	s.isMatched = true
	var length body
	var contentType, location []byte
	for name, value, ok := h.Next(); ok; name, value, ok = h.Next() {
		switch {
		case http.Is(name, "content-type"):
			contentType = bytes.TrimRight(beforeByte(value, ';'), " ")
		case http.Is(name, "location"):
			location = value[:min(len(value), maxURL)]
		default:
			length.field(name, value)
		}
	}
	o := begin(m.content)
	var r *request
	if s.nRequests > 0 {
		r = s.requests[0]
		r.append(&o)
	} else {
		o.b = append(o.b, `"protocol":"HTTP/1.`...)
		o.b = append(o.b, '0'+h.Minor, '"')
	}
	o.number("status", int64(h.Status))
	o.text("http_content_type", contentType[:min(len(contentType), maxText)])
	o.text("redirect", location)
	if length.hasSize {
		o.number("length", int64(length.length))
	}
	at, w := p.Time, &s.ways[1]
	switch {
	case h.Status == 101 || r != nil && r.tunnels && h.Status/100 == 2: // another protocol follows
		m.over(w)
		m.over(&s.ways[0])
	case h.Status == 204 || h.Status == 304 || r != nil && r.isHead: // no body (RFC 9112 §6.3)
	default:
		w.follow(&length, false)
	}
	if w.isOver {
		m.over(w)
	}
	if r != nil {
		at = r.time
		o.number("response_us", microseconds(r.time, p.Time))
		m.shift(s)
	}
	m.put(record.TypeHTTP, s.flow, p.Number, at, o.end())
}

// follow sets what follows a head: a body, or the next head. isRequest: without a length there is no body; a response's
// ends with the connection.
func (w *way) follow(b *body, isRequest bool) {
	switch {
	case b.isBad:
		w.isOver = true // nobody knows which of the lengths the other end goes by (RFC 9112 §6.3)
	case b.chunked:
		w.part = chunk
	case b.hasSize:
		w.skip = b.length
	case !isRequest:
		w.isOver = true
	}
}

// parseChunk reads the line before a chunk, or one of the trailer; size is 0 until it is complete (RFC 9112 §7.1).
func (w *way) parseChunk(b []byte) (size int, ok bool) {
	end := bytes.IndexByte(b[:min(len(b), maxChunkLine)], '\n')
	if end < 0 {
		return 0, len(b) < maxChunkLine
	}
	line := bytes.TrimRight(b[:end], "\r")
	if w.part == trailer {
		if len(line) == 0 {
			w.part = head
		}
		return end + 1, true
	}
	digits := bytes.TrimRight(beforeByte(line, ';'), " \t")
	length := uint64(0)
	for _, c := range digits {
		digit := hexDigit(c)
		if digit < 0 || length >= 1<<56 {
			return 0, false
		}
		length = length<<4 | uint64(digit)
	}
	switch {
	case len(digits) == 0:
		return 0, false
	case length == 0:
		w.part = trailer
	default:
		w.skip = length + 2 // and the end of its line
	}
	return end + 1, true
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// tellAll tells the requests without a response.
func (m *Maker) tellAll(s *Stream, number uint64) {
	for s.nRequests > 0 {
		m.unmatched(s, number)
	}
}

// unmatched tells the oldest request without its response.
func (m *Maker) unmatched(s *Stream, number uint64) {
	r := s.requests[0]
	o := begin(m.content)
	r.append(&o)
	at := r.time
	m.shift(s)
	m.put(record.TypeHTTP, s.flow, number, at, o.end())
}

// shift takes the oldest request back.
func (m *Maker) shift(s *Stream) {
	m.free.requests.put(s.requests[0])
	s.nRequests--
	copy(s.requests[:], s.requests[1:s.nRequests+1])
	s.requests[s.nRequests] = nil
}

// append appends the request's members.
func (r *request) append(o *object) {
	target := r.get(url)
	authority := r.get(host)
	if i := bytes.Index(target, []byte("://")); i > 0 && i < 8 { // absolute-form, to a proxy (RFC 9112 §3.2.2)
		authority = beforeByte(beforeByte(target[i+3:], '/'), '?')
		if at := bytes.LastIndexByte(authority, '@'); at >= 0 {
			authority = authority[at+1:]
		}
	} else if r.tunnels {
		authority = target
	}
	name, port := splitPort(authority)
	o.text("hostname", name)
	o.positive("http_port", port)
	o.text("url", target)
	o.text("http_method", r.get(method))
	o.text("http_user_agent", r.get(agent))
	o.text("http_refer", r.get(referrer))
	o.name("protocol")
	o.b = append(append(o.b, `"HTTP/1.`...), '0'+r.minor, '"')
	if r.hasSize {
		o.number("request_length", int64(r.length))
	}
}

// splitPort splits an authority (RFC 3986 §3.2); port is 0 without one.
func splitPort(authority []byte) (name []byte, port int64) {
	name = authority
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 {
		n, err := strconv.ParseUint(string(authority[i+1:]), 10, 16)
		if err == nil {
			name, port = authority[:i], int64(n)
		}
	}
	if n := len(name); n > 2 && name[0] == '[' && name[n-1] == ']' {
		name = name[1 : n-1]
	}
	return name, port
}

// isStartLine reports whether a line is the first of a message.
func isStartLine(line []byte, isRequest bool) bool {
	var h http.Head
	line = bytes.TrimSuffix(line, []byte("\r"))
	if !isRequest {
		return http.ParseResponse(line, &h) == http.Valid
	}
	const version = " HTTP/1.x"
	if n := len(line) - len(version); n < 1 || string(line[n:n+len(version)-1]) != version[:len(version)-1] {
		return false
	}
	return http.ParseRequest(line, &h) == http.Partial
}

func beforeByte(b []byte, c byte) []byte {
	if i := bytes.IndexByte(b, c); i >= 0 {
		return b[:i]
	}
	return b
}
