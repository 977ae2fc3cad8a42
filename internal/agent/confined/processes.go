// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sockets"
)

// processes learns from the helper which process each socket of this machine is of. Nil does nothing.
type processes struct {
	table  *sockets.Table
	socket *os.File
	done   chan struct{} // the helper has told all that it was asked for, or is gone
	log    *logging.Logger
}

func openProcesses(named map[string]int, s *agent.Setup, log *logging.Logger) (*processes, error) {
	if s.NoProcesses != "" {
		log.Infof("the processes of flows are not found: %s", s.NoProcesses)
	}
	fd, ok := named[agent.DescriptorProcess]
	if !ok {
		return nil, nil
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that Close ends a read
		return nil, err
	}
	return &processes{table: sockets.NewTable(), socket: os.NewFile(uintptr(fd), "processes"),
		done: make(chan struct{}), log: log}, nil
}

// start reads what the helper tells.
func (p *processes) start() {
	if p != nil {
		go p.run()
	}
}

func (p *processes) run() {
	defer close(p.done)
	b := make([]byte, sockets.MaxMessage)
	var m sockets.Message
	for {
		n, err := p.socket.Read(b)
		if err != nil || n == 0 {
			return
		}
		if err := m.Read(b[:n]); err != nil {
			p.log.Warnf("no more processes of flows are found: %v", err)
			return
		}
		p.table.SetLost(m.Lost)
		if m.IsDone {
			return
		}
		p.table.Add(&m.Socket)
	}
}

// drainProcesses bounds the wait for the helper: longer than it takes, shorter than the end may take.
const drainProcesses = 5 * time.Second

// drain learns of all sockets up to now: the last records come after that.
func (p *processes) drain() {
	if p == nil {
		return
	}
	if _, err := p.socket.Write(sockets.Flush); err != nil {
		return
	}
	select {
	case <-p.done:
	case <-time.After(drainProcesses):
	}
	_ = p.socket.Close()
}
