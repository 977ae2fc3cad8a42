// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net"
	"testing"
)

func TestBacklog(t *testing.T) {
	const idle = "009ef9c5 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " +
		"00000000 00000000 00000001 00000000 00000000\n"
	const busy = "009ef9c5 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " +
		"00000000 0000001f 00000000 0000001f 00000000\n"
	if n := backlog(idle + idle); n != 0 {
		t.Errorf("idle: %d", n)
	}
	if n := backlog(busy + idle + busy); n != 62 {
		t.Errorf("busy: %d", n)
	}
	if n := backlog("009ef9c5 00000000 00000001\n"); n != 0 {
		t.Errorf("an old kernel: %d", n)
	}
}

// TestClosed: a connection is over when both ends have closed, and not before.
func TestClosed(t *testing.T) {
	a, b := NewPair(t)
	var l net.Listener
	if err := b.Do(func() (err error) { l, err = net.Listen("tcp4", "192.0.2.2:80"); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var c net.Conn
	if err := a.Do(func() (err error) { c, err = net.Dial("tcp4", "192.0.2.2:80"); return err }); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	Acknowledged(t, a, b)
	isOver := func(h *Host) bool {
		text, err := h.sockets()
		if err != nil {
			t.Fatal(err)
		}
		return allTCP(text, func(state, _ string) bool { return state != "01" })
	}
	if isOver(a) || isOver(b) {
		t.Error("Closed returned before a connection's end")
	}
	server.Close()
	c.Close()
	Closed(t, a, b)
	if !isOver(a) || !isOver(b) {
		t.Error("Closed did not notice a connection's end")
	}
}
