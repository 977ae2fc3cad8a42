// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// timeout bounds the wait for a reply: attaching takes milliseconds, on a busy machine seconds.
const timeout = 10 * time.Second

// Client is the agent's side. Any goroutine may call its methods, which run one at a time.
type Client struct {
	mu       sync.Mutex
	conn     *net.UnixConn
	sequence uint32
	in, out  []byte
	control  []byte
}

// NewClient takes over conn and reads the first message from it. The caller owns the Setup's descriptors.
func NewClient(conn *net.UnixConn) (c *Client, s Setup, err error) {
	c = &Client{conn: conn, in: make([]byte, maxAnswer+1), control: make([]byte, unix.CmsgSpace(4*MaxFDs))}
	var message []byte
	var fds []int
	if err = conn.SetDeadline(time.Now().Add(timeout)); err == nil {
		message, fds, err = c.read()
	}
	if err == nil {
		s, err = parseSetup(message)
	}
	if err != nil {
		closeAll(fds)
		return nil, Setup{}, fmt.Errorf("read setup: %w", err)
	}
	s.FDs = fds
	return c, s, nil
}

// Close closes the connection. For the helper that is the agent's end.
func (c *Client) Close() error { return c.conn.Close() }

// Watch starts the capture on an interface. The caller owns the descriptors. A refusal is an *Error.
func (c *Client) Watch(l Link) (fds []int, payload []byte, err error) {
	if err := checkName(l.Name); err != nil {
		return nil, nil, fmt.Errorf("watch interface: %w", err)
	}
	fds, payload, err = c.call(kindWatch, func(b []byte) []byte { return appendWatch(b, l) })
	if err != nil {
		return nil, nil, fmt.Errorf("watch interface %s: %w", l.Name, err)
	}
	return fds, payload, nil
}

// Unwatch ends the capture on an interface.
func (c *Client) Unwatch(index uint32) error {
	return c.slots(kindUnwatch, fmt.Sprint("unwatch interface ", index), []uint32{index})
}

// Retire deletes the kernel's flows in any number of slots.
func (c *Client) Retire(slots []uint32) error { return c.slots(kindRetire, "retire slots", slots) }

// Release frees any number of slots for new flows.
func (c *Client) Release(slots []uint32) error { return c.slots(kindRelease, "release slots", slots) }

// List requests a dump of the tracked connections.
func (c *Client) List() error { return c.do(kindList, "list connections", empty) }

// Alive reports to the helper that the end of the agent has made progress since the last report.
func (c *Client) Alive() error { return c.do(kindAlive, "give a sign of life", empty) }

// Tell gives the helper a sign of life while the agent works: a line for people on how it is.
func (c *Client) Tell(text string) error {
	text = strings.ToValidUTF8(text[:min(len(text), MaxTold)], "")
	return c.do(kindTell, "tell how it is", func(b []byte) []byte { return append(b, text...) })
}

// Reload requests the settings as they are now. The caller owns the descriptors. A refusal is an *Error.
func (c *Client) Reload() (fds []int, payload []byte, err error) {
	fds, payload, err = c.call(kindReload, empty)
	if err != nil {
		return nil, nil, fmt.Errorf("reload: %w", err)
	}
	return fds, payload, nil
}

func empty(b []byte) []byte { return b }

func (c *Client) slots(kind byte, what string, slots []uint32) error {
	for some := range slices.Chunk(slots, MaxSlots) {
		if err := c.do(kind, what, func(b []byte) []byte { return appendSlots(b, some) }); err != nil {
			return err
		}
	}
	return nil
}

// do calls for a reply without descriptors and payload.
func (c *Client) do(kind byte, what string, body func([]byte) []byte) error {
	fds, _, err := c.call(kind, body)
	if closeAll(fds); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// call sends a request and waits for its reply. It drops replies to earlier requests that timed out.
func (c *Client) call(kind byte, body func([]byte) []byte) ([]int, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sequence++
	c.out = finish(body(appendHeader(c.out[:0], kind, c.sequence)))
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, nil, err
	}
	if err := send(c.conn, c.out, nil); err != nil {
		return nil, nil, err
	}
	for {
		message, fds, err := c.read()
		if err != nil {
			return nil, nil, err
		}
		sequence, payload, refusal, err := parseReply(message)
		if err == nil && sequence == c.sequence && refusal == nil {
			return fds, bytes.Clone(payload), nil
		}
		closeAll(fds)
		switch {
		case err != nil:
			return nil, nil, err
		case sequence == c.sequence:
			return nil, nil, refusal
		}
	}
}

// read reads one message with its descriptors. The message is valid until the next call.
func (c *Client) read() ([]byte, []int, error) {
	n, controlLen, flags, _, err := c.conn.ReadMsgUnix(c.in, c.control)
	if err != nil {
		return nil, nil, err
	}
	fds, err := descriptors(c.control[:controlLen])
	switch {
	case err != nil:
	case n == 0:
		err = io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = errors.New("message is too long")
	}
	if err != nil {
		closeAll(fds)
		return nil, nil, err
	}
	return c.in[:n], fds, nil
}

// descriptors returns the descriptors of SCM_RIGHTS, which the net package marks close-on-exec.
func descriptors(control []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	for i := range messages {
		rights, wrong := unix.ParseUnixRights(&messages[i])
		fds, err = append(fds, rights...), errors.Join(err, wrong)
	}
	return fds, err
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
