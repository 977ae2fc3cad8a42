// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func TestCheck(t *testing.T) {
	for address, want := range map[string][2]bool{ // without and with --metrics-remote
		"127.0.0.1:9167": {true, true}, "[::1]:9167": {true, true}, "127.9.9.9:1": {true, true},
		"192.0.2.1:9167": {false, true}, ":9167": {false, true}, "[::]:9167": {false, true},
		"localhost:9167": {false, false}, "127.0.0.1": {false, false}, "127.0.0.1:0": {false, false},
		"127.0.0.1:x": {false, false}, "": {false, false}, "127.0.0.1:65536": {false, false},
	} {
		for i, isRemote := range []bool{false, true} {
			if err := Check(address, isRemote); (err == nil) != want[i] {
				t.Errorf("%q, remote %t: %v", address, isRemote, err)
			}
		}
	}
}

// TestConnectionsAreBounded: a client beyond the bound waits until another one goes.
func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimited(inner)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	})}
	go func() { _ = server.Serve(l) }()
	var idle []net.Conn
	for range maxConnections {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	wait.Until(t, "each has its place", func() bool { return len(l.free) == maxConnections })
	answered := make(chan error, 1)
	go func() {
		answer, err := http.Get("http://" + inner.Addr().String())
		if err == nil {
			answer.Body.Close()
		}
		answered <- err
	}()
	wait.Blocked(t, "listener.(*limited).Accept")
	select {
	case err := <-answered:
		t.Errorf("one too many was served (%v)", err)
	default:
	}
	idle[0].Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	server.Close()
}
