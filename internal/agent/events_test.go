// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab"
)

// question is a DNS question for the address of a name, and answerTo its answer: that there is none.
func question(id uint16, name string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0, 0, 1, 0, 1)
}

func answerTo(question []byte) []byte {
	b := append([]byte(nil), question...)
	b[2], b[3] = 0x81, 0x83
	return b
}

// serveDNS answers questions on a host by UDP and TCP, and serveWeb requests.
func serveDNS(t *testing.T, h *lab.Host) {
	t.Helper()
	var datagrams net.PacketConn
	var streams net.Listener
	err := h.Do(func() (err error) {
		if datagrams, err = net.ListenPacket("udp4", ":53"); err == nil {
			streams, err = net.Listen("tcp4", ":53")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { datagrams.Close(); streams.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := datagrams.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = datagrams.WriteTo(answerTo(b[:n]), from)
		}
	}()
	go func() {
		for {
			c, err := streams.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = answerAll(c)
			}()
		}
	}()
}

// answerAll answers the questions of a connection.
func answerAll(c net.Conn) error {
	in := bufio.NewReader(c)
	for {
		m, err := readMessage(in)
		if err != nil {
			return err
		}
		m = answerTo(m)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)); err != nil {
			return err
		}
	}
}

func readMessage(in io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(in, m)
	return m, err
}

func serveWeb(t *testing.T, h *lab.Host) {
	t.Helper()
	var l net.Listener
	if err := h.Do(func() (err error) { l, err = net.Listen("tcp4", ":80"); return err }); err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 100_000)) // more packets than weir usually looks into
	})}
	t.Cleanup(func() { s.Close() })
	go func() { _ = s.Serve(l) }()
}

// dial connects from a host.
func dial(t *testing.T, h *lab.Host, network, to string) net.Conn {
	t.Helper()
	var c net.Conn
	err := h.Do(func() (err error) {
		c, err = net.DialTimeout(network, to, 30*time.Second)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c
}

// ask sends a question and awaits its answer.
func ask(t *testing.T, c net.Conn, id uint16, name string) {
	t.Helper()
	m, b := question(id, name), make([]byte, 512)
	if c.LocalAddr().Network() == "tcp" {
		m = append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
	}
	_, err := c.Write(m)
	if err == nil && c.LocalAddr().Network() == "tcp" {
		_, err = readMessage(c)
	} else if err == nil {
		_, err = c.Read(b)
	}
	if err != nil {
		t.Fatalf("ask for %s: %v", name, err)
	}
}

// heard are the events that a follower has got, by subject.
type heard struct {
	mu     sync.Mutex
	events map[string]int
	ended  chan struct{}
	broken error
}

func (h *heard) count(kind string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, count := range h.events {
		if strings.HasPrefix(name, kind) {
			n += count
		}
	}
	return n
}

// follow follows the events of a weir until it ends.
func follow(t *testing.T, socket string, types ...string) *heard {
	t.Helper()
	in, err := control.Follow(socket, &control.Flows{Types: types, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{events: map[string]int{}, ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		defer in.Close()
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			line := lines.Bytes()
			if strings.Contains(string(line), `{"type":"position"`) {
				continue
			}
			var e record.Event
			err := e.Read(line)
			h.mu.Lock()
			if err != nil {
				h.broken = fmt.Errorf("%w: %s", err, line)
			} else if name := string(e.Subject()); e.Type == record.TypeHTTP {
				r, _ := record.ReadContent[record.HTTP](&e)
				h.events[fmt.Sprintf("http %s %d", r.URL, r.Status)]++
			} else {
				d, _ := record.ReadContent[record.DNS](&e)
				h.events[d.Type+" "+name]++
			}
			h.mu.Unlock()
		}
	}()
	return h
}

// TestEventsExact: each question and each request is one event, over datagrams from one port and from many, over
// connections that go on, and however long the flows are.
func TestEventsExact(t *testing.T) {
	for _, mode := range []string{"ebpf", "afpacket"} {
		t.Run(mode, func(t *testing.T) {
			server, client := lab.NewPair(t)
			serveDNS(t, server)
			serveWeb(t, server)
			socket := t.TempDir() + "/weir.sock"
			r := watch(t, server, "-i", "eth0", "--mode", mode, "--socket", socket)
			h := follow(t, socket, "dns", "http")
			at := server.Addr4.String()
			early := dial(t, client, "udp", at+":53")
			i := uint16(0)
			if !r.Within(30*time.Second, func() bool {
				i++
				ask(t, early, i, "early.example")
				return h.count("answer early") > 0
			}) {
				t.Fatal("no event has come")
			}
			const apart, together, connected, requests = 100, 300, 50, 20
			for i := range apart {
				ask(t, dial(t, client, "udp", at+":53"), 7, fmt.Sprintf("apart%d.example", i))
			}
			one, stream := dial(t, client, "udp", at+":53"), dial(t, client, "tcp", at+":53")
			for i := range together {
				ask(t, one, uint16(i), fmt.Sprintf("together%d.example", i))
			}
			for i := range connected {
				ask(t, stream, uint16(i), fmt.Sprintf("connected%d.example", i))
			}
			web := dial(t, client, "tcp", at+":80")
			in := bufio.NewReader(web)
			for i := range requests {
				fmt.Fprintf(web, "GET /%d HTTP/1.1\r\nHost: www.example\r\n\r\n", i)
				answer, err := http.ReadResponse(in, nil)
				if err == nil {
					_, err = io.Copy(io.Discard, answer.Body)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			const all = apart + together + connected
			isAll := func() bool {
				return h.count("answer")-h.count("answer early") >= all && h.count("http") >= requests
			}
			if !r.Within(30*time.Second, isAll) {
				t.Errorf("%d answers of %d, %d requests of %d", h.count("answer")-h.count("answer early"), all,
					h.count("http"), requests)
			}
			r.end()
			<-h.ended
			for kind, want := range map[string]int{"answer apart": apart, "answer together": together,
				"answer connected": connected, "http": requests, "query": 0} {
				if got := h.count(kind); got != want {
					t.Errorf("%d of %q, not %d", got, kind, want)
				}
			}
			if h.broken != nil {
				t.Error(h.broken)
			}
			for i := range requests {
				if h.count(fmt.Sprintf("http /%d 200", i)) == 0 {
					t.Errorf("request %d has no answer", i)
				}
			}
		})
	}
}
