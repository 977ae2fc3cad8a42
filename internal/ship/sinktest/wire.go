// SPDX-License-Identifier: Apache-2.0

package sinktest

import (
	"bytes"
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// Wire connects dialers with a server in memory.
type Wire struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once

	mutex  sync.Mutex
	isDown bool
	dials  int
}

// NewWire returns one that is up.
func NewWire() *Wire { return &Wire{accepted: make(chan net.Conn), closed: make(chan struct{})} }

// Dial is a dialer of net/http.
func (w *Wire) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.mutex.Lock()
	isDown := w.isDown
	w.dials++
	w.mutex.Unlock()
	if isDown {
		return nil, syscall.ECONNREFUSED
	}
	here, there := net.Pipe()
	select {
	case w.accepted <- newBuffered(there):
		return newBuffered(here), nil
	case <-w.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// buffered is a connection whose writes do not wait for the reader, like those of a socket.
type buffered struct {
	net.Conn
	mutex    sync.Mutex
	parts    [][]byte
	isClosed bool
	signal   chan struct{}
}

func newBuffered(c net.Conn) *buffered {
	b := &buffered{Conn: c, signal: make(chan struct{}, 1)}
	go func() {
		for range b.signal {
			b.mutex.Lock()
			parts, isClosed := b.parts, b.isClosed
			b.parts = nil
			b.mutex.Unlock()
			for _, part := range parts {
				if _, err := c.Write(part); err != nil {
					isClosed = true
					break
				}
			}
			if isClosed {
				_ = c.Close()
				return
			}
		}
	}()
	return b
}

func (b *buffered) Write(part []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.isClosed {
		return 0, net.ErrClosed
	}
	b.parts = append(b.parts, bytes.Clone(part))
	b.wake()
	return len(part), nil
}

func (b *buffered) wake() {
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// Close closes the connection once everything is written, or after a minute.
func (b *buffered) Close() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.isClosed = true
	_ = b.SetDeadline(time.Now().Add(time.Minute))
	_ = b.SetReadDeadline(time.Now())
	b.wake()
	return nil
}

// Set takes the server away, or brings it back.
func (w *Wire) Set(isDown bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.isDown = isDown
}

// Accept is the server's part, as net.Listener has it.
func (w *Wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.accepted:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close ends all waits.
func (w *Wire) Close() error { w.once.Do(func() { close(w.closed) }); return nil }

// Addr is of no use.
func (w *Wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// Dials is the number of dials so far.
func (w *Wire) Dials() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.dials
}
