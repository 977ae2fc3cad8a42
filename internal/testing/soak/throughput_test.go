// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
)

// TestThroughput measures a TCP connection's throughput across the gateway without weir, with it, and after it was
// killed, in turn. It only reports: the figures depend on the machine's other work.
func TestThroughput(t *testing.T) {
	if throughput == "" {
		return // a measurement, not a test
	}
	seconds, err := strconv.ParseFloat(throughput, 64)
	if err != nil {
		t.Fatal(err)
	}
	eachWay(t, func(t *testing.T, way string, flags []string) {
		var found string
		report(t, "C2", "throughput, "+way, &found)
		l := lab.New(t, lab.Options{})
		var with, killed []float64
		var without float64
		for range 10 {
			first := throughputOf(t, l, seconds)
			a := watch(t, l.Gateway, nil, flags...)
			during := throughputOf(t, l, seconds)
			_ = unix.Kill(-a.Process.Process.Pid, unix.SIGKILL)
			<-a.Done()
			after := throughputOf(t, l, seconds)
			without = max(without, first)
			with, killed = append(with, during/first), append(killed, after/first)
		}
		slices.Sort(with)
		slices.Sort(killed)
		found = fmt.Sprintf("without %.2f Gbit/s; with %.1f %% of that, killed %.1f %% (medians of 10)", without,
			100*with[5], 100*killed[5])
	})
}

// throughputOf returns a connection's throughput over some seconds, in Gbit/s.
func throughputOf(t testing.TB, l *lab.Lab, seconds float64) float64 {
	t.Helper()
	var listener net.Listener
	if err := l.Servers[0].Do(func() (err error) {
		listener, err = net.Listen("tcp4", l.Servers[0].Addr4.String()+":5201")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	received := make(chan int64, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			received <- 0
			return
		}
		defer c.Close()
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
		received <- n
	}()
	var c net.Conn
	if err := l.Clients[0].Do(
		func() (err error) { c, err = net.Dial("tcp4", listener.Addr().String()); return err }); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	b := make([]byte, 256<<10)
	for time.Since(began).Seconds() < seconds {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	n := <-received
	return float64(n) * 8 / time.Since(began).Seconds() / 1e9
}
