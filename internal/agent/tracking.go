// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/helper"
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
