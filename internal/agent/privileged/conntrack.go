// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"encoding/json"
	"errors"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/topology"
)

// conntrackBackend adds to a backend the socket for the kernel's connection tracking events.
type conntrackBackend struct {
	backend
	socket *conntrack.Socket
	err    error // why there is no socket
}

func openConntrack(b backend, o *agent.Options) *conntrackBackend {
	c := &conntrackBackend{backend: b}
	if o.NoConntrack {
		c.err = errors.New("--no-conntrack")
		return c
	}
	c.socket, c.err = conntrack.Open()
	return c
}

// add passes the socket to the confined process.
func (c *conntrackBackend) add(e *agent.Descriptors, s *agent.Setup) {
	if c.err != nil {
		s.NoConntrack = c.err.Error()
		return
	}
	e.Add(agent.DescriptorConntrack, c.socket.Descriptor())
}

// Watch adds the interface's packets so far to the backend's answer.
func (c *conntrackBackend) Watch(l helper.Link) ([]int, []byte, error) {
	fds, payload, err := c.backend.Watch(l)
	var w agent.Watched
	if err != nil || json.Unmarshal(payload, &w) != nil { // an upper link has no payload
		return fds, payload, err
	}
	if w.Passed, err = topology.Passed(l.Index); err == nil {
		if all, err := json.Marshal(w); err == nil {
			payload = all
		}
	}
	return fds, payload, nil
}

// List serves the helper.
func (c *conntrackBackend) List() error {
	if c.socket == nil {
		return errors.New("connections are not followed")
	}
	return c.socket.List()
}

// Close closes the socket; the backend's owner closes the backend.
func (c *conntrackBackend) Close() error {
	if c.socket == nil {
		return nil
	}
	return c.socket.Close()
}

var _ helper.Backend = (*conntrackBackend)(nil)
