// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/sinktest"
	"github.com/weirnet/weir/internal/uplink"
)

// startHere runs a sink in the test's process.
func startHere(t *testing.T, headerTime time.Duration) (s *Server, folder string) {
	t.Helper()
	folder = t.TempDir()
	c := testConfig(folder)
	c.headerTime = headerTime
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, folder
}

// bomb is a zstd body of 80 kB that becomes 2.5 GB, with the largest window.
func bomb() []byte {
	b := []byte{0x28, 0xB5, 0x2F, 0xFD, 0x00, 13 << 3}
	block := binary.LittleEndian.AppendUint32(nil, 128<<10<<3|1<<1)[:3]
	b = append(b, bytes.Repeat(append(block, 'x'), 20_000)...)
	return append(b, 1, 0, 0)
}

// TestBombsAtOnce: a hundred bombs at once are refused in bounded memory, and another agent is served meanwhile.
func TestBombsAtOnce(t *testing.T) {
	s, folder := startHere(t, 0)
	attacker := enrolled(t, folder, s.Address())
	code, err := s.NewCode("honest")
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := uplink.ParseCode(code.Code)
	honest := sinktest.New(t, parsed)
	if _, err := honest.Enrol(s.URL(), code.Code); err != nil {
		t.Fatal(err)
	}
	var before, peak runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	body := bomb()
	var all sync.WaitGroup
	answers := make(chan int, 100)
	for range cap(answers) {
		all.Go(func() {
			r, err := http.NewRequest(http.MethodPost, s.URL()+uplink.ReportsPath, bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", uplink.ContentType)
			r.Header.Set("Content-Encoding", "zstd")
			uplink.Sign(r, attacker.Key, time.Now(), body)
			answer, err := attacker.Client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			answer.Body.Close()
			answers <- answer.StatusCode
		})
	}
	for _, line := range makeReports(honest, 20) {
		if got, err := honest.Send(s.URL(), line); err != nil || got.Reports[0].Result != uplink.Stored {
			t.Fatalf("an honest agent: %+v %v", got, err)
		}
		runtime.ReadMemStats(&peak)
		if grown := int64(peak.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
			t.Errorf("the heap grows by %d bytes", grown)
		}
	}
	all.Wait()
	close(answers)
	refused := map[int]int{}
	for status := range answers {
		refused[status]++
	}
	if refused[413]+refused[429] != cap(answers) || refused[413] == 0 {
		t.Errorf("answers %v", refused)
	}
}

// TestSlowHeader: a connection that sends nothing, or a header without an end, is closed.
func TestSlowHeader(t *testing.T) {
	s, _ := startHere(t, 100*time.Millisecond)
	for _, sent := range []string{"", "GET / HTTP/1.1\r\nHost: x\r\n"} {
		c, err := tls.Dial("tcp", s.Address(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(sent)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(2 * sinktest.Patience))
		if _, err := io.ReadAll(c); errors.Is(err, net.ErrClosed) || isTimeout(err) {
			t.Errorf("after %q: %v", sent, err)
		}
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// TestLargeHeader: a header of any size costs little, and is refused.
func TestLargeHeader(t *testing.T) {
	s, _ := startHere(t, 0)
	c, err := tls.Dial("tcp", s.Address(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(sinktest.Patience))
	fmt.Fprintf(c, "POST /v1/reports HTTP/1.1\r\nHost: x\r\n")
	for range 1000 {
		if _, err := fmt.Fprintf(c, "X: %s\r\n", strings.Repeat("x", 1000)); err != nil {
			break
		}
	}
	text, _ := io.ReadAll(c)
	if !strings.Contains(string(text), "431") && len(text) != 0 {
		t.Errorf("answer %.200q", text)
	}
}

// TestConnectionLimit: one network can't take all connections; what is closed makes room.
func TestConnectionLimit(t *testing.T) {
	l := newLimitListener(nil)
	one, other := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")
	for range maxOfNetwork {
		if !l.enter(one) {
			t.Fatal("refused within the limit")
		}
	}
	if l.enter(one) || !l.enter(other) {
		t.Error("the limit is not that of a network")
	}
	l.leave(one)
	if !l.enter(one) {
		t.Error("no room after one has left")
	}
	for i := 0; l.enter(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)); i++ {
		if i > maxConnections {
			t.Fatal("no limit of all")
		}
	}
	if got := networkOf(&net.TCPAddr{IP: net.ParseIP("2001:db8::1:2:3:4"), Zone: "eth0"}); got != other {
		t.Errorf("network %v", got)
	}
	if got := networkOf(&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1")}); got != one {
		t.Errorf("network %v", got)
	}
}
