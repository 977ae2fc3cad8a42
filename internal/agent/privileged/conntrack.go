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

// conntrackBackend adds to a backend the socket on which the kernel sends the events of connection tracking.
type conntrackBackend struct {
	backend
	socket *conntrack.Socket
	err    error // why there is none
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

// add has the confined process get the socket.
func (c *conntrackBackend) add(e *agent.Descriptors, s *agent.Setup) {
	if c.err != nil {
		s.NoConntrack = c.err.Error()
		return
	}
	e.Add(agent.DescriptorConntrack, c.socket.Descriptor())
}

// Watch adds to the backend's answer how many packets have passed by the interface.
func (c *conntrackBackend) Watch(l helper.Link) ([]int, []byte, error) {
	fds, payload, err := c.backend.Watch(l)
	var w agent.Watched
	if err != nil || json.Unmarshal(payload, &w) != nil { // of a link that is carried there is none
		return fds, payload, err
	}
	if w.Passed, err = topology.Passed(l.Index); err == nil {
		if all, err := json.Marshal(w); err == nil {
			payload = all
		}
	}
	return fds, payload, nil
}

// List is for the helper.
func (c *conntrackBackend) List() error {
	if c.socket == nil {
		return errors.New("connections are not followed")
	}
	return c.socket.List()
}

// Close closes the socket. The backend is its owner's to close.
func (c *conntrackBackend) Close() error {
	if c.socket == nil {
		return nil
	}
	return c.socket.Close()
}

var _ helper.Backend = (*conntrackBackend)(nil)
