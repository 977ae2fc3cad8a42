// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/explain"
	"github.com/weirnet/weir/internal/hosts"
)

// answerer answers what other commands ask.
type answerer struct {
	hosts     *hosts.Table
	explainer *explain.Explainer
}

// takeListener takes over the control socket's descriptor.
func takeListener(descriptor int) (net.Listener, error) {
	file := os.NewFile(uintptr(descriptor), "control socket")
	defer file.Close() // the listener has a copy
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

func (q *answerer) answer(r *control.Request) *control.Answer {
	if r.Hosts {
		all, err := json.Marshal(q.hosts.All())
		if err != nil {
			return &control.Answer{Error: err.Error()}
		}
		return &control.Answer{Hosts: all}
	}
	if r.Explain == "" {
		return &control.Answer{Error: "this weir does not know the request"}
	}
	lines, err := q.explainer.Explain(r.Explain)
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	if a, err := netip.ParseAddr(r.Explain); err == nil {
		if h, ok := q.hosts.Find(a); ok {
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
