// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/notify"
)

// service tells the service manager, if there is one, how weir is.
type service struct {
	conn    *notify.Conn
	isReady bool // used by the goroutine that serves the agent
	options *agent.Options
	reopen  func() // has export open its files anew
	restart *restart
}

// openService opens the manager's socket. A manager that can't be told anything is no reason to end.
func openService(o *agent.Options) *service {
	conn, err := notify.Open()
	if err != nil {
		o.Log.Warnf("the service manager can't be told how weir is: %v", err)
	}
	return &service{conn: conn, options: o}
}

// told takes the agent's signs: it captures, and its hub goes on.
func (s *service) told(text string) {
	if !s.isReady {
		s.isReady = true
		s.conn.Ready(text)
	}
	s.conn.Alive(text)
}

// forHelper returns what the helper calls.
func (s *service) forHelper() helper.Service {
	return helper.Service{Told: s.told, Alive: func() { s.conn.Alive("") }, Ending: s.ending,
		Reload: s.reload, HangupReloads: s.options.Reload != nil && !hasTerminal(),
		Restart: s.restart.begin, StopLater: s.restart.stopLater, Early: s.restart.early}
}

// ending tells that the end has begun, or that another weir takes over in this process.
func (s *service) ending() {
	if s.restart.hasBegun.Load() {
		s.conn.Reloading()
		return
	}
	s.conn.Stopping()
}

// reload reads the settings anew. The agent applies them, and then tells how it is.
func (s *service) reload() (fds []int, payload []byte, err error) {
	if s.options.Reload == nil {
		return nil, nil, errors.New("this weir does not reload its settings")
	}
	s.conn.Reloading()
	defer func() {
		if err != nil {
			s.options.Log.Warnf("the settings stay as they are: %v", err)
			s.conn.Ready("the settings could not be read anew")
		}
	}()
	settings, err := s.options.Reload()
	if err != nil {
		return nil, nil, err
	}
	if err := s.options.Log.SetLevel(settings.LogLevel); err != nil {
		return nil, nil, err
	}
	fd, err := passSettings(settings)
	if err != nil {
		return nil, nil, fmt.Errorf("pass the settings on: %w", err)
	}
	s.isReady = false // until the agent has applied them
	s.reopen()
	return []int{fd}, nil, nil
}

// passSettings writes settings into memory that a descriptor passes on.
func passSettings(settings *agent.Settings) (fd int, err error) {
	text, err := json.Marshal(settings)
	if err != nil {
		return -1, err
	}
	if fd, err = unix.MemfdCreate("settings", unix.MFD_CLOEXEC); err != nil {
		return -1, err
	}
	for off := 0; off < len(text) && err == nil; {
		var n int
		n, err = unix.Pwrite(fd, text[off:], int64(off))
		off += n
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// hasTerminal reports whether the process has a controlling terminal, whose end is a SIGHUP too.
func hasTerminal() bool {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_ = os.NewFile(uintptr(fd), "tty").Close()
	return true
}
