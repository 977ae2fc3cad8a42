// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"net/netip"
	"sync"
)

const (
	// maxConnections bounds the connections of a listener; those of one network, so that nobody takes all of them:
	// an address of IPv4, a /64 of IPv6.
	maxConnections = 2048
	maxOfNetwork   = 256
)

// limitListener closes connections that are too many at once. It never keeps others waiting.
type limitListener struct {
	net.Listener
	mu    sync.Mutex
	all   int
	sizes map[netip.Prefix]int // connections by network
}

func newLimitListener(l net.Listener) *limitListener {
	return &limitListener{Listener: l, sizes: map[netip.Prefix]int{}}
}

// networkOf returns the network of a peer; the zero prefix for one without an address.
func networkOf(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := t.AddrPort().Addr().Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.WithZone("").Prefix(bits)
	return p
}

// Accept returns the next connection that is within the limits.
func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		network := networkOf(c.RemoteAddr())
		if l.enter(network) {
			return &limitedConn{Conn: c, leave: func() { l.leave(network) }}, nil
		}
		_ = c.Close()
	}
}

func (l *limitListener) enter(network netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxConnections || l.sizes[network] >= maxOfNetwork {
		return false
	}
	l.all++
	l.sizes[network]++
	return true
}

func (l *limitListener) leave(network netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.sizes[network]--; l.sizes[network] == 0 {
		delete(l.sizes, network)
	}
}

// limitedConn leaves once it is closed.
type limitedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.leave)
	return err
}
