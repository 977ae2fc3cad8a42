// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/sockets"
	"github.com/weirnet/weir/internal/sockets/watch"
)

// processes tells the confined process which process each socket of this machine is of. Nil does nothing.
type processes struct {
	watcher *watch.Watcher
	ours    *os.File // this end of a socket pair; nil without a watcher
	theirs  *os.File
	why     string // there is no watcher
}

// openProcesses opens the watcher, if it is asked for. Flows without processes are better than none.
func openProcesses(o *agent.Options) *processes {
	if !o.Processes {
		return nil
	}
	p := &processes{}
	if err := p.open(); err != nil {
		p.why = err.Error()
		o.Log.Warnf("the processes of flows are not found: %v", err)
	}
	return p
}

func (p *processes) open() error {
	w, err := watch.Open()
	if err != nil {
		return err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return errors.Join(err, w.Close())
	}
	p.watcher = w
	p.ours, p.theirs = os.NewFile(uintptr(fds[0]), "processes"), os.NewFile(uintptr(fds[1]), "processes")
	return nil
}

// add passes the agent's end of the socket.
func (p *processes) add(e *agent.Descriptors, s *agent.Setup) {
	if p == nil {
		return
	}
	if s.NoProcesses = p.why; p.watcher != nil {
		e.Add(agent.DescriptorProcess, int(p.theirs.Fd()))
	}
}

// start tells of sockets from now on. Call it once the agent has its end.
func (p *processes) start() {
	if p == nil || p.watcher == nil {
		return
	}
	_ = p.theirs.Close()
	go p.tell()
	go p.flush()
}

// tell passes on what the kernel tells, at the agent's pace: what waits longer is lost in the kernel, and counted. It
// ends with the watcher or with the agent.
func (p *processes) tell() {
	var b []byte
	present, _ := watch.Present() // as far as /proc tells
	for i := range present {
		m := sockets.Message{Socket: present[i]}
		if _, err := p.ours.Write(m.Append(b[:0])); err != nil {
			return
		}
	}
	for {
		var m sockets.Message
		err := p.watcher.Read(&m.Socket)
		m.Lost, m.IsDone = p.watcher.Lost(), errors.Is(err, watch.ErrFlushed)
		if err != nil && !m.IsDone {
			return
		}
		b = m.Append(b[:0])
		if _, err := p.ours.Write(b); err != nil {
			return
		}
	}
}

// flush answers the agent's messages, each of which asks for all that waits.
func (p *processes) flush() {
	var b [16]byte
	for {
		if n, err := p.ours.Read(b[:]); n == 0 || err != nil || p.watcher.Flush() != nil {
			return
		}
	}
}

// Close detaches the programs.
func (p *processes) Close() error {
	if p == nil || p.watcher == nil {
		return nil
	}
	return errors.Join(p.watcher.Close(), p.ours.Close())
}
