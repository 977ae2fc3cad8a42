// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/topology"
)

// tracking adds to a backend the socket by which the kernel tells of its connections.
type tracking struct {
	backend
	socket *conntrack.Socket
	err    error // why there is none
}

func openTracking(b backend, o *Options) *tracking {
	t := &tracking{backend: b}
	if o.NoConntrack {
		t.err = errors.New("--no-conntrack")
		return t
	}
	t.socket, t.err = conntrack.Open()
	return t
}

// add has the confined process get the socket.
func (t *tracking) add(e *extras, s *setup) {
	if t.err != nil {
		s.Untracked = t.err.Error()
		return
	}
	e.add(extraConntrack, t.socket.Descriptor())
}

// Watch adds to the backend's answer how many packets have passed by the interface.
func (t *tracking) Watch(l helper.Link) ([]int, []byte, error) {
	fds, payload, err := t.backend.Watch(l)
	var w watched
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
func (t *tracking) List() error {
	if t.socket == nil {
		return errors.New("connections are not followed")
	}
	return t.socket.List()
}

// Close closes the socket. The backend is its owner's to close.
func (t *tracking) Close() error {
	if t.socket == nil {
		return nil
	}
	return t.socket.Close()
}

var _ helper.Backend = (*tracking)(nil)
