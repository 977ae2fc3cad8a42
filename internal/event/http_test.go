// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/record"
)

// conversation returns the bytes of a keep-alive connection with count requests, and bodies of each kind that look like
// messages.
func conversation(count int) (requests, responses []string) {
	const trap = "GET /trap HTTP/1.1\r\nHost: trap\r\n\r\nHTTP/1.1 500 Trap\r\n\r\n"
	for i := range count {
		body, method := "", "GET"
		switch i % 4 {
		case 1:
			method, body = "POST", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(trap), trap)
		case 2:
			method = "HEAD"
		case 3:
			method = "PUT"
			body = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x;x=y\r\n%s\r\n0\r\nTrailer: 1\r\n\r\n", len(trap),
				trap)
		}
		if body == "" {
			body = "\r\n"
		}
		requests = append(requests, fmt.Sprintf("%s /%d?q=1 HTTP/1.1\r\nHost: www.example:8080\r\n"+
			"User-Agent: test/1\r\nReferer: http://www.example/\r\n%s", method, i, body))
		response := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"+
			"Content-Length: %d\r\n\r\n", len(trap))
		switch i % 3 {
		case 1:
			response = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
		case 2:
			response = "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"
		}
		if method != "HEAD" {
			switch i % 3 {
			case 0:
				response += trap
			case 1:
				response += fmt.Sprintf("%X\r\n%s\r\n0\r\n\r\n", len(trap), trap)
			}
		}
		responses = append(responses, response)
	}
	return requests, responses
}

func checkConversation(t *testing.T, r *rig, count int, what string) {
	t.Helper()
	all := contents[record.HTTP](r)
	if len(all) != count || r.Counters.Gaps != 0 || r.Counters.Omitted != 0 {
		t.Fatalf("%s: %d events of %d requests, %+v", what, len(all), count, r.Counters)
	}
	statuses := [...]int{200, 404, 304}
	for i, h := range all {
		if h.URL != fmt.Sprintf("/%d?q=1", i) || h.Status != statuses[i%3] || h.Hostname != "www.example" ||
			h.Port != 8080 || h.UserAgent != "test/1" || h.Protocol != "HTTP/1.1" || h.Response == nil ||
			h.Referrer != "http://www.example/" || i%3 == 0 && (h.ContentType != "text/html" || h.Length == nil) {
			t.Fatalf("%s: event %d: %+v", what, i, h)
		}
	}
}

// TestHTTPKeepAlive: each of 20 requests of a connection is told once, however it is cut.
func TestHTTPKeepAlive(t *testing.T) {
	const count = 20
	requests, responses := conversation(count)
	r := newRig(t)
	r.begin(true)
	for i := range requests {
		r.say(0, requests[i])
		r.say(1, responses[i])
	}
	checkConversation(t, r, count, "each in a segment")
	for size := 1; size < 500; size += 1 + size/5 {
		r := newRig(t)
		r.begin(true)
		for i := range requests {
			r.inPieces(0, requests[i], size)
			r.inPieces(1, responses[i], size)
		}
		checkConversation(t, r, count, fmt.Sprintf("in pieces of %d", size))
		r.End(r.stream, 1)
		r.checkReturned()
	}
}

// TestHTTPPipelined: requests that do not wait for the responses before.
func TestHTTPPipelined(t *testing.T) {
	requests, responses := conversation(maxPipelined)
	r := newRig(t)
	r.begin(true)
	r.say(0, strings.Join(requests, ""))
	r.say(1, strings.Join(responses, ""))
	checkConversation(t, r, maxPipelined, "pipelined")
	r = newRig(t)
	r.begin(true)
	r.say(0, strings.Repeat(requests[0], maxPipelined+5))
	r.End(r.stream, 1)
	if len(r.events) != maxPipelined+5 || r.Counters.Omitted != 5 || contents[record.HTTP](r)[0].Status != 0 {
		t.Errorf("%d events, %+v", len(r.events), r.Counters)
	}
	r.checkReturned()
}

// TestHTTPFromTheMiddle: of a connection that is under way the next requests are told, and no body is taken for one.
func TestHTTPFromTheMiddle(t *testing.T) {
	requests, responses := conversation(20)
	r := newRig(t)
	r.stream = r.Begin(true, &Packet{Flow: Flow{1, 1}, Time: r.now}, [2]Start{})
	r.say(0, requests[1][10:])
	r.say(1, responses[1][40:])
	for i := 2; i < 20; i++ {
		r.say(0, requests[i])
		r.say(1, responses[i])
	}
	all := contents[record.HTTP](r)
	if len(all) != 18 || all[0].URL != "/2?q=1" || all[0].Status != 304 {
		t.Errorf("%d events, the first %+v", len(all), all[0])
	}
}

// TestHTTPLoss: after a gap the messages are told again, each with its own response.
func TestHTTPLoss(t *testing.T) {
	requests, responses := conversation(20)
	for lost := range 20 {
		for way := range 2 {
			r := newRig(t)
			r.begin(true)
			for i := range requests {
				for side, text := range [2]string{requests[i], responses[i]} {
					if i == lost && side == way {
						r.next[side] += uint32(len(text))
						continue
					}
					r.say(side, text)
				}
			}
			r.End(r.stream, 1)
			told := 0
			for _, h := range contents[record.HTTP](r) {
				var i int
				if _, err := fmt.Sscanf(h.URL, "/%d", &i); err != nil {
					continue
				}
				if statuses := [...]int{200, 404, 304}; h.Status == statuses[i%3] {
					told++
				} else if h.Status != 0 {
					t.Errorf("lost %d of side %d: %+v", lost, way, h)
				}
			}
			if told < 17 {
				t.Errorf("lost %d of side %d: %d events, %+v", lost, way, told, r.Counters)
			}
			r.checkReturned()
		}
	}
}

// TestHTTPCutCapture: a capture with a short snap length has heads, and bodies are passed over by their lengths.
func TestHTTPCutCapture(t *testing.T) {
	r := newRig(t)
	r.begin(true)
	cut := func(way int, text string, length int) {
		r.number++
		r.Segment(r.stream, &Packet{Number: r.number, Time: r.now, Payload: []byte(text), Length: length,
			Seq: r.next[way], Ack: r.next[way^1], ACK: true, FromClient: way == 0})
		r.next[way] += uint32(length)
	}
	const big = int64(3 << 30)
	for range 3 {
		r.say(0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", big)
		cut(1, head+"begin", len(head)+60000)
		for left := big - 60000; left > 0; {
			n := min(left, 1<<20)
			if left/(1<<20)%100 == 0 { // most of them are not even seen
				cut(1, "body", int(n))
			} else {
				r.next[1] += uint32(n)
			}
			left -= n
		}
	}
	if all := contents[record.HTTP](r); len(all) != 3 || *all[2].Length != uint64(big) || r.Counters.Gaps != 0 {
		t.Errorf("%d events, %+v", len(all), r.Counters)
	}
}

// TestHTTPEnds: after CONNECT, an upgrade, or a body that ends with the connection no message follows.
func TestHTTPEnds(t *testing.T) {
	for _, c := range []struct{ request, response, host string }{
		{"CONNECT www.example:443 HTTP/1.1\r\nHost: other\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "www.example"},
		{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "a"},
		{"GET http://user@[2001:db8::1]:81/x HTTP/1.1\r\nHost: b\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nbody",
			"2001:db8::1"},
	} {
		r := newRig(t)
		r.begin(true)
		r.say(0, c.request)
		r.say(1, c.response)
		r.say(1, "HTTP/1.1 500 Trap\r\n\r\n")
		if all := contents[record.HTTP](r); len(all) != 1 || all[0].Hostname != c.host {
			t.Errorf("%q: %+v", c.request, all)
		}
		if r.stream.ways[1].isOver != true {
			t.Errorf("%q: the responses go on", c.request)
		}
	}
}

// TestHTTPTruncations: no beginning of a connection breaks the Maker.
func TestHTTPTruncations(t *testing.T) {
	requests, responses := conversation(4)
	request, response := strings.Join(requests, ""), strings.Join(responses, "")
	for n := range len(request) {
		r := newRig(t)
		r.begin(true)
		r.say(0, request[:n])
		r.say(1, response[:min(n, len(response))])
		r.End(r.stream, 1)
		contents[record.HTTP](r)
		r.checkReturned()
	}
}
