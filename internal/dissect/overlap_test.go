// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// requests returns a table of one protocol: a request line, then the host.
func requests() *Table {
	return NewTable([]*Protocol{{Name: "get", Over: TCP, Start: BytesOf('G'), Inspect: func(c *Conversation,
		r *Result) Verdict {
		line, rest, found := strings.Cut(string(c.ToServer()), "\r\nHost: ")
		host, _, ends := strings.Cut(rest, "\r\n\r\n")
		switch {
		case !strings.HasPrefix("GET / HTTP/1.1", line[:min(len(line), 14)]):
			return No
		case !found || !ends || line != "GET / HTTP/1.1" || strings.Contains(host, "\xa5"):
			return NeedMore
		}
		r.SetHost([]byte(host))
		return YesMore
	}}})
}

// TestOverlapEvasion: a request gets its name, whichever of two differing copies the server accepts.
func TestOverlapEvasion(t *testing.T) {
	const get, reply = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"
	junk := strings.Repeat("\xa5", len(get))
	fake := strings.Replace(get, "www.example.com", "fake.example", 1) + strings.Repeat("x", 40)
	type part struct {
		fromClient bool
		at, ack    int
		text       string
	}
	c := func(at int, text string) part { return part{true, at, 0, text} }
	s := func(ack int, text string) part { return part{false, 0, ack, text} }
	for _, k := range []struct {
		name  string
		parts []part
		want  string // host
	}{
		{"a padded acknowledgement", []part{c(0, "\x00"), c(0, get), s(len(get), reply)}, "www.example.com"},
		{"a longer one", []part{c(0, "\x00\x00\x00\x00\x00\x00"), c(0, get), s(len(get), reply)}, "www.example.com"},
		{"junk first", []part{c(0, junk), c(0, get), s(len(get), reply)}, "www.example.com"},
		{"junk second", []part{c(0, get), c(0, junk), s(len(get), reply)}, "www.example.com"},
		{"junk in the middle, first", []part{c(5, junk[:20]), c(0, get), s(len(get), reply)}, "www.example.com"},
		{"junk in the middle, second", []part{c(0, get[:30]), c(5, junk[:20]), c(30, get[30:]), s(len(get), reply)},
			"www.example.com"},
		{"in pieces behind junk", []part{c(0, junk), c(0, get[:10]), c(10, get[10:]), s(len(get), reply)},
			"www.example.com"},
		{"acknowledged, then contradicted", []part{c(0, get), s(len(get), reply), c(0, fake), c(len(get), get)},
			"www.example.com"},
		{"two readings, the answer acknowledges the second", []part{c(0, fake[:20]), c(20, junk), c(20, get[20:]),
			s(len(get), reply)}, "www.example.com"},
	} {
		t.Run(k.name, func(t *testing.T) {
			pool := NewPool()
			table, session, flow, host := requests(), pool.Get(), testFlow, ""
			session.Feed(table, pool, &flow, &Segment{SYN: true, Seq: 99, FromClient: true})
			session.Feed(table, pool, &flow, &Segment{SYN: true, ACK: true, Seq: 499, Ack: 100})
			for _, p := range k.parts {
				seg := Segment{Payload: []byte(p.text), Length: len(p.text), ACK: true, FromClient: p.fromClient,
					Seq: 100 + uint32(p.at), Ack: 500}
				if !p.fromClient {
					seg.Seq, seg.Ack = 500, 100+uint32(p.ack)
				}
				o, r := session.Feed(table, pool, &flow, &seg)
				if r != nil {
					host = string(r.Host())
				}
				clear(seg.Payload)
				if o == Decided || o == Failed {
					break
				}
			}
			if host != k.want {
				t.Errorf("host %q, want %q", host, k.want)
			}
			if pool.Put(session); pool.Buffered() != 0 {
				t.Errorf("%d bytes stayed lent", pool.Buffered())
			}
		})
	}
}

// TestReadingsAgainstOracle compares both readings with slow twins: the first copy of each byte, and the last.
func TestReadingsAgainstOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 20_000 {
		pool := NewPool()
		var s stream
		s.start(100)
		var first, last [64]int
		for range 10 {
			at, size := random.IntN(30), 1+random.IntN(12)
			packet := make([]byte, size)
			for i := range packet {
				packet[i] = byte(random.Uint32N(3))
			}
			holes := pool.Counters.StreamHoles
			s.add(100+uint32(at), packet, true, pool)
			s.keep(pool)
			if pool.Counters.StreamHoles > holes {
				break
			}
			for i, b := range packet {
				if first[at+i] == 0 {
					first[at+i] = int(b) + 1
				}
				last[at+i] = int(b) + 1
			}
			for other, oracle := range map[bool]*[64]int{false: &first, true: &last} {
				for i, b := range s.read(other) {
					if int(b)+1 != oracle[i] {
						t.Fatalf("round %d: byte %d of the reading %v is %d, want %d", round, i, other, b, oracle[i]-1)
					}
				}
			}
		}
		if s.release(pool); pool.Buffered() != 0 {
			t.Fatalf("%d bytes stayed lent", pool.Buffered())
		}
	}
}
