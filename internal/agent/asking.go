// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/hosts"
)

// asking is the socket by which other commands ask the confined process, in the process that makes it.
type asking struct {
	listener *net.UnixListener
	file     *os.File // for the confined process
	why      string   // there is none
}

func openAsking(o *Options) *asking {
	path := o.Socket
	switch path {
	case "none":
		return &asking{why: "--socket none"}
	case "":
		path = control.DefaultPath()
	}
	l, err := control.Listen(path)
	if err != nil {
		return &asking{why: err.Error()}
	}
	file, err := l.File()
	if err != nil {
		l.Close()
		return &asking{why: err.Error()}
	}
	return &asking{listener: l, file: file}
}

// add has the confined process get the socket.
func (a *asking) add(e *extras, s *setup) {
	if s.Unasked = a.why; a.file != nil {
		e.add(extraControl, int(a.file.Fd()))
	}
}

// Close removes the socket.
func (a *asking) Close() {
	if a.listener != nil {
		a.file.Close()
		a.listener.Close()
	}
}

// answers takes over the socket's descriptor, and answers who asks.
func (u *surroundings) answers(descriptor int) (net.Listener, error) {
	file := os.NewFile(uintptr(descriptor), "control socket")
	defer file.Close() // the listener has a copy
	return net.FileListener(file)
}

func (u *surroundings) answer(r *control.Request) *control.Answer {
	if r.Hosts {
		all, err := json.Marshal(u.hosts.All())
		if err != nil {
			return &control.Answer{Error: err.Error()}
		}
		return &control.Answer{Hosts: all}
	}
	if r.Explain == "" {
		return &control.Answer{Error: "the request is none that this weir knows"}
	}
	lines, err := u.explainer.Explain(r.Explain)
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	if a, err := netip.ParseAddr(r.Explain); err == nil {
		if h, ok := u.hosts.Find(a); ok {
			lines = append(lines, describeHost(&h))
		}
	}
	return &control.Answer{Lines: lines}
}

// describeHost says in one line what is known of a device.
func describeHost(h *hosts.Host) string {
	text := "It is an address of a device"
	if h.MAC != "" {
		text += " with the link-layer address " + h.MAC
	}
	if h.Vendor != "" {
		text += ", of " + h.Vendor
	}
	if h.Router.IsValid() {
		text += " behind " + h.Router.String()
	}
	for _, n := range h.Names {
		text += fmt.Sprintf(", called %s (%s)", n.Name, n.Source)
	}
	for _, g := range []*hosts.Guess{h.OS, h.Kind} {
		if g != nil {
			text += fmt.Sprintf("; it seems to be %s (%d %%: %s)", g.Value, g.Confidence,
				strings.Join(g.Evidence, ", "))
		}
	}
	return text + "."
}
