// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/ship/sinktest"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// fakeAgent answers each Follow with what a test writes.
type fakeAgent struct {
	mu      sync.Mutex
	asked   []control.Flows
	logged  []string
	streams chan io.WriteCloser // the agent's end of each
	err     error
}

func newFakeAgent() *fakeAgent { return &fakeAgent{streams: make(chan io.WriteCloser, 64)} }

func (a *fakeAgent) Follow(f *control.Flows) (*control.Stream, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, *f)
	if a.err != nil {
		return nil, a.err
	}
	in, out := net.Pipe()
	a.streams <- out
	return &control.Stream{Reader: in, Closer: in, Hello: control.Hello{Version: control.FlowsVersion,
		Position: control.Position{Epoch: "e", Sequence: 5}}}, nil
}

func (a *fakeAgent) Ask(*control.Request) (*control.Answer, error) {
	return &control.Answer{Metrics: json.RawMessage(`{"seconds":90,"interfaces":[{"name":"eth0"}],"processes":[` +
		`{"name":"agent","user_seconds":1.5,"system_seconds":0.5,"resident_bytes":1048576},` +
		`{"name":"helper","user_seconds":0.25,"resident_bytes":2048}]}`)}, nil
}

func (a *fakeAgent) Logger() *logging.Logger {
	return logging.To(func(format string, args ...any) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.logged = append(a.logged, fmt.Sprintf(format, args...))
	})
}

func (a *fakeAgent) States() []control.OutputState { return nil }

func (a *fakeAgent) requests() []control.Flows {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// serveURL serves a listener, until the test ends, and returns its address.
func serveURL(t *testing.T, text string, files map[string][]byte, a export.Feed) net.Addr {
	t.Helper()
	l, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	socket, remove, err := l.Open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(l, socket, &Options{Owner: uint32(os.Geteuid()), Files: files, Version: "1.2.3",
		Protocols: []string{"tls"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, a) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		remove()
	})
	return s.socket.Addr()
}

// client is a test's end of a connection.
type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, a net.Addr) *client {
	t.Helper()
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(wait.Limit))
	return &client{c, bufio.NewReader(c)}
}

func (c *client) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c, line); err != nil {
		t.Fatal(err)
	}
}

// hear returns the next line, "" at the end.
func (c *client) hear() string {
	line, _ := c.lines.ReadString('\n')
	return strings.TrimSuffix(line, "\n")
}

func flowLine(id int, state record.State, bytes uint64) string {
	f := record.Flow{State: state, Interface: "eth0", IPVersion: 4, Proto: 6, Protocol: "tls", Application: "youtube",
		Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.168.1.7:40000"), Side: record.SideLAN, Packets: 1,
			Bytes: bytes},
		Server:    record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:443"), Side: record.SideWAN},
		FirstSeen: 1e18, LastSeen: 1e18 + int64(id)}
	copy(f.ID[:], fmt.Sprintf("%032x", id))
	return string(f.AppendJSON(nil))
}

// TestClient: a client gets what it asks for, as the listener allows, and nothing more once it has gone.
func TestClient(t *testing.T) {
	a := newFakeAgent()
	path := filepath.Join(t.TempDir(), "stream.sock")
	addr := serveURL(t, "unix://"+path+"?where=port:443", nil, a)
	c := dial(t, addr)
	c.say(t, `{"flows":{"filter":"app:youtube OR app:vimeo","follow":true,"last":7,"types":["flow"],`+
		`"after":{"epoch":"x","sequence":3}},"of_the_future":1}`+"\n")
	if got, want := c.hear(), `{"hello":{"version":1,"epoch":"e","sequence":5}}`; got != want {
		t.Fatalf("hello is %s", got)
	}
	agent := <-a.streams
	f := a.requests()[0]
	if f.Filter != "port:443 AND (app:youtube OR app:vimeo)" || !f.Follow || f.Last != 7 || f.After == nil ||
		f.After.Sequence != 3 {
		t.Errorf("asked for %+v", f)
	}
	for i := range 3 {
		go io.WriteString(agent, flowLine(i, record.StateEnd, 5)+"\n")
		if got := c.hear(); got != flowLine(i, record.StateEnd, 5) {
			t.Fatalf("got %s", got)
		}
	}
	c.Close()
	if _, err := agent.(net.Conn).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the stream of a client that has gone: %v", err)
	}
}

// TestEnd: the end of the agent's stream is the client's.
func TestEnd(t *testing.T) {
	a := newFakeAgent()
	c := dial(t, serveURL(t, "tcp://127.0.0.1:0", nil, a))
	c.say(t, `{"flows":{}}`+"\n")
	c.hear()
	(<-a.streams).Close()
	if got := c.hear(); got != "" {
		t.Errorf("after the end: %s", got)
	}
}

// TestRefused: who asks for something else, or too much, is told why.
func TestRefused(t *testing.T) {
	a := newFakeAgent()
	addr := serveURL(t, "tcp://127.0.0.1:0?clients=2", nil, a)
	for line, want := range map[string]string{
		"\n":                                            "not one line of JSON",
		"GET / HTTP/1.1\r\n":                            "not one line of JSON",
		`{"hosts":true}` + "\n":                         "for flows only",
		`{"flows":{"filter":"(("}}` + "\n":              "a term is expected",
		`{"flows":[]}` + "\n":                           "not one line of JSON",
		strings.Repeat("x", maxRequest+100):             "not one line of JSON",
		`{"flows":{"filter":"app:"},"token":""}` + "\n": "app",
	} {
		c := dial(t, addr)
		c.say(t, line)
		if got := c.hear(); !strings.Contains(got, want) || !strings.HasPrefix(got, `{"error":"`) {
			if len(line) > maxRequest && got == "" {
				continue // the rest of the line had not been read: a reset
			}
			t.Errorf("%.40q: %s", line, got)
		}
	}
	const request = `{"flows":{"follow":true}}` + "\n"
	var all []*client
	for range 2 {
		c := dial(t, addr)
		c.say(t, request)
		c.hear()
		all = append(all, c)
	}
	c := dial(t, addr)
	c.say(t, request)
	if got := c.hear(); !strings.Contains(got, "2 clients are served already") {
		t.Errorf("one too many: %s", got)
	}
	all[0].Close()
	wait.Until(t, "a client that has gone makes room", func() bool {
		c := dial(t, addr)
		defer c.Close()
		c.say(t, request)
		return strings.HasPrefix(c.hear(), `{"hello"`)
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.logged) < 8 || !strings.Contains(a.logged[0], "tcp://127.0.0.1:0: refused 127.0.0.1:") {
		t.Errorf("logged %q", a.logged)
	}
}

// TestTruncated: whatever part of a request comes, the client gets an answer or its end, and nobody else waits.
func TestTruncated(t *testing.T) {
	a := newFakeAgent()
	addr := serveURL(t, "tcp://127.0.0.1:0", nil, a)
	const request = `{"flows":{"filter":"app:youtube","after":{"epoch":"e","sequence":1}}}` + "\n"
	for i := range len(request) - 1 {
		c := dial(t, addr)
		c.say(t, request[:i])
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		if got := c.hear(); !strings.HasPrefix(got, `{"error":`) {
			t.Errorf("%q: %s", request[:i], got)
		}
	}
	if n := len(a.requests()); n != 0 {
		t.Errorf("%d parts of requests were served", n)
	}
}

// pipes is a listener whose connections are pipes: a test's clock counts for them.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return nil }

// dial returns the client's end of a connection that the server has taken.
func (p *pipes) dial() net.Conn {
	theirs, ours := net.Pipe()
	p.conns <- theirs
	synctest.Wait()
	return ours
}

// TestSilent: clients that say nothing keep others out for as long as a greeting may take, and then they are told.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Parse("tcp://127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		socket := newPipes()
		s := &Server{Listener: l, socket: socket, greeting: make(chan struct{}, maxGreeting),
			serving: make(chan struct{}, l.Clients)}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		a := newFakeAgent()
		go func() { done <- s.Run(ctx, a) }()
		var silent []net.Conn
		for range maxGreeting {
			silent = append(silent, socket.dial())
		}
		for _, pause := range []time.Duration{0, greetTime - 1} {
			time.Sleep(pause)
			c := socket.dial()
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Fatalf("one too many, after %s: %v", pause, err)
			}
			c.Close()
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait() // the silent ones' time ends in this very moment
		c := socket.dial()
		_, _ = io.WriteString(c, `{"flows":{}}`+"\n")
		if line, err := bufio.NewReader(c).ReadString('\n'); !strings.HasPrefix(line, `{"hello"`) {
			t.Errorf("after the silent ones: %q, %v", line, err)
		}
		for _, one := range silent {
			if text, err := io.ReadAll(one); !strings.Contains(string(text), "not one line of JSON") {
				t.Errorf("a silent client: %q, %v", text, err)
			}
		}
		c.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestStalled: a client that takes nothing loses its connection after a while, and an idle one does not.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Parse("tcp://127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		a := newFakeAgent()
		s := &Server{Listener: l, serving: make(chan struct{}, 4)}
		serve := func() (theirs net.Conn, agent io.WriteCloser, done chan error) {
			ours, theirs := net.Pipe()
			done = make(chan error, 1)
			go func() {
				done <- s.serve(context.Background(), a, ours, &control.Flows{Follow: true})
				ours.Close()
			}()
			hello := make([]byte, 200)
			if _, err := theirs.Read(hello); err != nil {
				t.Fatal(err)
			}
			return theirs, <-a.streams, done
		}
		idle, idleAgent, idleDone := serve()
		stalled, stalledAgent, stalledDone := serve()
		began := time.Now()
		_, _ = io.WriteString(stalledAgent, flowLine(1, record.StateEnd, 5)+"\n")
		if err := <-stalledDone; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != patience {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		time.Sleep(10 * time.Hour)
		go io.WriteString(idleAgent, "x\n")
		b := make([]byte, 10)
		if n, err := idle.Read(b); n != 2 || err != nil {
			t.Errorf("the idle one gets %d bytes, %v", n, err)
		}
		idle.Close()
		stalled.Close()
		<-idleDone
	})
}

const tokenFile = "# of the collector\n0123456789abcdef-one\n\n 0123456789abcdef-two \n"

// TestTLS: over TLS a right token opens, a wrong one does not, and after some wrong ones not even a right one.
func TestTLS(t *testing.T) {
	issuer := sinktest.NewAuthority(t)
	pair := sinktest.PEM(t, issuer.Sign(t, "127.0.0.1"))
	a := newFakeAgent()
	addr := serveURL(t, "tls://127.0.0.1:0?certificate=/c&key=/k&token_file=/t",
		map[string][]byte{"/c": pair, "/k": pair, "/t": []byte(tokenFile)}, a)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(issuer.PEM())
	ask := func(token string) string {
		t.Helper()
		c := dial(t, addr)
		secure := tls.Client(c.Conn, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
		line, _ := json.Marshal(control.Request{Flows: &control.Flows{}, Token: token})
		if _, err := secure.Write(append(line, '\n')); err != nil {
			return err.Error()
		}
		answer, err := bufio.NewReader(secure).ReadString('\n')
		if err != nil {
			return err.Error()
		}
		return answer
	}
	for _, token := range []string{"0123456789abcdef-one", "0123456789abcdef-two"} {
		if got := ask(token); !strings.HasPrefix(got, `{"hello"`) {
			t.Errorf("%s: %s", token, got)
		}
	}
	for i, token := range []string{"", "0123456789abcdef-on", "0123456789abcdef-one ", "# of the collector", "x"} {
		if got := ask(token); !strings.Contains(got, "the token is wrong, or missing") {
			t.Errorf("%d: %q: %s", i, token, got)
		}
	}
	if got := ask("0123456789abcdef-one"); strings.HasPrefix(got, "{") {
		t.Errorf("after too many failures: %s", got)
	}
	c := dial(t, addr)
	c.say(t, `{"flows":{},"token":"0123456789abcdef-one"}`+"\n")
	if got := c.hear(); strings.Contains(got, "hello") {
		t.Errorf("without TLS: %s", got)
	}
}

// TestFailures: an address that fails too often waits, others do not, and memory is bounded.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFailures()
		bad, good := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		for range mostFailures {
			if f.tooMany(bad) {
				t.Error("too early")
			}
			f.add(bad)
		}
		f.add(netip.MustParseAddr("::ffff:192.0.2.1"))
		if !f.tooMany(bad) || f.tooMany(good) {
			t.Error("the wrong one waits")
		}
		for i := range mostFailures {
			f.add(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i)))
		}
		if !f.tooMany(netip.MustParseAddr("2001:db8::ffff")) || f.tooMany(netip.MustParseAddr("2001:db8:0:1::1")) {
			t.Error("of IPv6 a /64 counts as one")
		}
		if time.Sleep(failureTime); f.tooMany(bad) {
			t.Error("it waits for ever")
		}
		for i := range 3 * mostAddresses {
			f.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		}
		if len(f.of) > mostAddresses+1 {
			t.Errorf("%d addresses", len(f.of))
		}
		if !f.tooMany(netip.MustParseAddr("203.0.113.9")) {
			t.Error("in a flood of addresses, a new one is not held up")
		}
	})
}

func TestTokens(t *testing.T) {
	all, err := readTokens([]byte(tokenFile))
	if err != nil || len(all) != 2 || !all.has("0123456789abcdef-two") || all.has("") || all.has("0123456789abcdef") {
		t.Errorf("%d tokens, %v", len(all), err)
	}
	for content, want := range map[string]string{"": "no token", "# x\n": "no token",
		"0123456789abcdef-one\nshort\n": "line 2"} {
		if _, err := readTokens([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// TestPeers: who may connect to a Unix socket.
func TestPeers(t *testing.T) {
	const owner = 500
	for query, want := range map[string]string{
		"":                         "root owner",
		"?mode=0660&group=600":     "root owner member",
		"?mode=0666":               "root owner member other",
		"?users=700":               "root owner other",
		"?users=700,800&mode=0666": "root owner other",
	} {
		l, err := Parse("unix:///x" + query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, who := range []struct {
			name string
			peer
		}{{"root", peer{}}, {"owner", peer{user: owner}}, {"member", peer{600, []uint32{1, 600}}},
			{"other", peer{700, []uint32{700}}}} {
			if l.admits(who.peer, owner) {
				got = append(got, who.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v may connect, want %s", query, got, want)
		}
	}
	addr := serveURL(t, "unix://"+filepath.Join(t.TempDir(), "s"), nil, newFakeAgent())
	c := dial(t, addr)
	p, err := peerOf(c.Conn.(*net.UnixConn))
	if err != nil || p.user != uint32(os.Geteuid()) || len(p.groups) == 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// FuzzRequest: a request line is taken or refused, and what is taken can be asked for.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"flows":{"filter":"app:youtube","last":5,"follow":true,"after":{"epoch":"e","sequence":7}}}`),
		"port:443")
	f.Add([]byte(`{"flows":{},"token":"x"}`), "")
	f.Add([]byte(`{"flows":null}`), "a OR b")
	f.Add([]byte("{"), "")
	f.Fuzz(func(t *testing.T, line []byte, where string) {
		r, err := parseRequest(line)
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
		if err != nil {
			return
		}
		joined, err := both(where, r.Flows.Filter)
		if err != nil {
			return
		}
		if again, err := both(joined, ""); err != nil || again != joined {
			t.Errorf("%q and %q: %q, %v", where, r.Flows.Filter, joined, err)
		}
	})
}
