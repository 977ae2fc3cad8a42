// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"net"
	"os"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/control"
)

// controlSocket is the socket for other commands' questions, in the process that makes it.
type controlSocket struct {
	listener *net.UnixListener
	file     *os.File // for the confined process
	absent   string   // why there is no socket
}

func openControl(o *agent.Options) *controlSocket {
	path := o.Socket
	switch path {
	case "none":
		return &controlSocket{absent: "--socket none"}
	case "":
		path = control.ListenPath()
	}
	l, err := control.Listen(path)
	if err != nil {
		return &controlSocket{absent: err.Error()}
	}
	file, err := l.File()
	if err != nil {
		l.Close()
		return &controlSocket{absent: err.Error()}
	}
	return &controlSocket{listener: l, file: file}
}

// add passes the socket to the confined process.
func (c *controlSocket) add(e *agent.Descriptors, s *agent.Setup) {
	if s.NoSocket = c.absent; c.file != nil {
		e.Add(agent.DescriptorControl, int(c.file.Fd()))
	}
}

// Close removes the socket.
func (c *controlSocket) Close() {
	if c.listener != nil {
		c.file.Close()
		c.listener.Close()
	}
}
