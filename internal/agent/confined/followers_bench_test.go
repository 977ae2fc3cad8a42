// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/control"
	listeners "github.com/weirnet/weir/internal/export/stream"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/ship/sinktest"
)

// benchFeed gives a listener streams of followers, through Unix sockets as between the processes.
type benchFeed struct {
	*followers
	b    *testing.B
	path string
}

func (f benchFeed) Follow(r *control.Flows) (*control.Stream, error) {
	return control.Follow(f.path, r)
}
func (benchFeed) Ask(*control.Request) (*control.Answer, error) { return nil, io.EOF }
func (benchFeed) States() []control.OutputState                 { return nil }
func (f benchFeed) Logger() *logging.Logger                     { return logging.To(f.b.Logf) }

// cpu returns the seconds that this process has computed.
func cpu() float64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkStream gives ten clients over TLS 20,000 records a second each: an operation is a record. It reports the
// cores that the agent, the listener and the clients take together, and the records that a client missed.
//
//	go test ./internal/agent/confined -run XXX -bench Stream -benchtime 200000x
func BenchmarkStream(b *testing.B) {
	const clients, perSecond, perStep = 10, 20_000, 200
	h := testHub()
	feed := benchFeed{h.enrichment.followers, b, filepath.Join(b.TempDir(), "weir.sock")}
	listener, err := control.Listen(feed.path)
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	go control.Serve(listener, func(r *control.Request) *control.Answer { return feed.open(r.Flows) })
	a := sinktest.NewAuthority(b)
	own := sinktest.PEM(b, a.Sign(b, "127.0.0.1"))
	l, err := listeners.Parse("tls://127.0.0.1:0?certificate=/c&key=/c&token_file=/t&clients=10")
	if err != nil {
		b.Fatal(err)
	}
	socket, _, err := l.Open()
	if err != nil {
		b.Fatal(err)
	}
	address, err := unix.Getsockname(int(socket.Fd()))
	if err != nil {
		b.Fatal(err)
	}
	s, err := listeners.NewServer(l, socket, &listeners.Options{Files: map[string][]byte{"/c": own,
		"/t": []byte("0123456789abcdef\n")}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { _ = s.Run(ctx, feed) }()
	defer stop()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	at := fmt.Sprintf("127.0.0.1:%d", address.(*unix.SockaddrInet4).Port)
	var reading sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range clients {
		c, err := tls.Dial("tcp", at, &tls.Config{RootCAs: roots})
		if err != nil {
			b.Fatal(err)
		}
		line, _ := json.Marshal(control.Request{Flows: &control.Flows{Follow: true}, Token: "0123456789abcdef"})
		_, _ = c.Write(append(line, '\n'))
		hello := make([]byte, 1)
		if _, err := io.ReadFull(c, hello); err != nil {
			b.Fatal(err)
		}
		reading.Go(func() {
			n := countFlows(c)
			mu.Lock()
			got += n
			mu.Unlock()
		})
	}
	step := time.NewTicker(time.Second * perStep / perSecond)
	defer step.Stop()
	r := host(1)
	r.Info = []byte(`"tls":{"version":"1.3","sni":"www.example.com","ja4":"t13d311100_e8f1e7e78f70_b26ce05b"}`)
	b.ResetTimer()
	before := cpu()
	for i := range b.N {
		if _ = h.flow(r); i%perStep == perStep-1 {
			<-step.C
		}
	}
	feed.end()
	reading.Wait()
	b.StopTimer()
	b.ReportMetric((cpu()-before)/b.Elapsed().Seconds(), "cores")
	b.ReportMetric(float64(clients*b.N-got)/clients, "missed")
}

// countFlows reads to the end, and counts the flow records.
func countFlows(c net.Conn) (n int) {
	b := make([]byte, 256<<10)
	kept := 0
	for {
		more, err := c.Read(b[kept:])
		text := b[:kept+more]
		n += bytes.Count(text, []byte(`{"type":"flow"`))
		const most = len(`{"type":"flow"`) - 1
		kept = copy(b, text[max(len(text)-most, 0):])
		if err != nil {
			return n
		}
	}
}
