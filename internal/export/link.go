// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The messages between the process and its helper, each a byte. The helper answers Dial with Dial and the descriptor of
// a connection to the agent, or with NoDial.
const (
	Dial   = 'd'
	NoDial = 'n'
	Sign   = 's' // of life, during the end
)

// link is the connection to the helper.
type link struct {
	conn    *net.UnixConn
	ended   chan struct{} // closed when the helper has closed its end
	answers chan int      // descriptors; -1: none
	dialing sync.Mutex    // an answer belongs to the one who waits
}

func newLink(conn *net.UnixConn) *link {
	l := &link{conn: conn, ended: make(chan struct{}), answers: make(chan int, 1)}
	go l.read()
	return l
}

// read takes the helper's answers until it closes its end.
func (l *link) read() {
	defer close(l.ended)
	message, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	for {
		n, control, _, _, err := l.conn.ReadMsgUnix(message, rights)
		if err != nil || n == 0 {
			return
		}
		fd := -1
		if messages, err := unix.ParseSocketControlMessage(rights[:control]); err == nil && len(messages) == 1 {
			if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
				fd = fds[0]
			}
		}
		select {
		case l.answers <- fd:
		default: // nobody waits any more
			_ = unix.Close(fd)
		}
	}
}

// dialPatience bounds the wait for the helper's answer.
const dialPatience = 10 * time.Second

// dial returns a connection to the agent.
func (l *link) dial() (net.Conn, error) {
	l.dialing.Lock()
	defer l.dialing.Unlock()
	select {
	case fd := <-l.answers: // of a dial that did not wait for it
		_ = unix.Close(fd)
	default:
	}
	if _, err := l.conn.Write([]byte{Dial}); err != nil {
		return nil, fmt.Errorf("ask the helper for a connection: %w", err)
	}
	late := time.NewTimer(dialPatience)
	defer late.Stop()
	select {
	case fd := <-l.answers:
		if fd < 0 {
			return nil, errors.New("the helper reaches no agent")
		}
		unix.CloseOnExec(fd)
		file := os.NewFile(uintptr(fd), "agent")
		defer file.Close()
		return net.FileConn(file)
	case <-l.ended:
		return nil, errEnds
	case <-late.C:
		return nil, errors.New("the helper does not answer")
	}
}

// sign gives the helper a sign of life.
func (l *link) sign() { _, _ = l.conn.Write([]byte{Sign}) }
