// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

// TestLinkGoesDownUnderMasquerade: the link to the server goes down and comes back while a large flow comes in. The
// kernel forgets the connection with the link, so the gateway resets the server's further segments; the client receives
// no reset, and goes on too. All of it makes one record, with its translation.
func TestLinkGoesDownUnderMasquerade(t *testing.T) {
	for _, mode := range liveModes(t) {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, lab.Options{NoNAT: true})
			sh(t, l.Gateway, natRules(
				"ip", `chain nat { type nat hook postrouting priority srcnat; oifname wan0 masquerade; }`))
			r := watch(t, l.Gateway, "-i", "lan0", "-i", "wan0", "--mode", mode)
			client := breakOff(t, l)
			lab.Landed(t)
			n := 0
			for _, f := range r.stop() {
				if f.Server.Port != serverPort && f.Client.Port != serverPort {
					continue
				}
				n++
				p := placeOf(&f)
				if p.client != "192.168.77.10 lan" || p.kind != "snat" || p.direction != "outbound" ||
					p.clientPort != client || f.Server.Bytes < downloaded {
					t.Errorf("%+v, %d and %d packets", p, f.Client.Packets, f.Server.Packets)
				}
			}
			if n != 1 {
				t.Errorf("%d records\n%s", n, r.Stdout)
			}
		})
	}
}

// downloaded is the number of bytes that arrive before the link goes down.
const downloaded = 4 << 20

// breakOff makes a client download from a server that sends without end, and takes the link down. It returns the
// client's port when both ends have noticed that the connection is dead: the server first, since the client's segments
// are held up until then, or they would make the gateway track the connection again.
func breakOff(t *testing.T, l *lab.Lab) (port int) {
	t.Helper()
	limit := time.Now().Add(time.Minute)
	served := make(chan error, 1)
	var listener net.Listener
	if err := l.Servers[0].Do(func() (err error) {
		listener, err = net.Listen("tcp4", end(l.Servers[0].Addr4, serverPort).String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		c, err := listener.Accept()
		if err == nil {
			defer c.Close()
			err = c.SetDeadline(limit)
		}
		for buffer := make([]byte, 64<<10); err == nil; {
			_, err = c.Write(buffer)
		}
		served <- err
	}()
	if err := l.Clients[0].Do(func() error {
		c, err := net.Dial("tcp4", listener.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		port = c.LocalAddr().(*net.TCPAddr).Port
		if err := c.SetDeadline(limit); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, c, downloaded); err != nil {
			return err
		}
		sh(t, l.Gateway, "nft add chain ip test hold '{ type filter hook forward priority 0; }'",
			"ip link set wan0 down",
			"nft add rule ip test hold iifname lan0 drop", "ip link set wan0 up",
			"ip route add default via 198.51.100.10",
			"until [ $(cat /sys/class/net/wan0/operstate) = up ]; do sleep 0.01; done")
		if err := <-served; !errors.Is(err, syscall.ECONNRESET) {
			return fmt.Errorf("the server has no reset: %w", err)
		}
		sh(t, l.Gateway, "nft delete chain ip test hold")
		for err == nil { // the client sends requests until it gets a reset
			_, err = c.Write([]byte("more"))
			time.Sleep(10 * time.Millisecond) // between requests
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("the client has no reset: %w", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return port
}
