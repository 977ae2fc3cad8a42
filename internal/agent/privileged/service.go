// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/notify"
)

// service tells the service manager, if there is one, how weir is.
type service struct {
	conn    *notify.Conn
	isReady bool // used by the goroutine that serves the agent
}

// openService opens the manager's socket. A manager that can't be told anything is no reason to end.
func openService(o *agent.Options) *service {
	conn, err := notify.Open()
	if err != nil {
		o.Log.Warnf("the service manager can't be told how weir is: %v", err)
	}
	return &service{conn: conn}
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
	return helper.Service{Told: s.told, Alive: func() { s.conn.Alive("") }, Ending: s.conn.Stopping}
}
