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
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/tally"
)

// answerer answers other commands' questions.
type answerer struct {
	hosts     *hosts.Table
	explainer *explain.Explainer
	followers *followers
	history   *tally.History
	status    func() *Status // of the last second; nil before the first
	uplink    func() *control.Uplink
	exports   *exports
	traffic   *tally.Counts // nil: not counted
	reload    func() ([]string, error)
}

// takeListener makes a listener of the control socket's descriptor, and closes that.
func takeListener(descriptor int) (net.Listener, error) {
	file := os.NewFile(uintptr(descriptor), "control socket")
	defer file.Close() // the listener has a duplicate
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
	if r.Flows != nil {
		return q.followers.open(r.Flows)
	}
	if r.History {
		all, err := json.Marshal(q.history.Past())
		if err != nil {
			return &control.Answer{Error: err.Error()}
		}
		return &control.Answer{History: all}
	}
	if r.Exported != nil {
		q.exports.take(r.Exported)
		return &control.Answer{}
	}
	if r.Counters {
		return q.counters()
	}
	if r.Reload {
		lines, err := q.reload()
		if err != nil {
			return &control.Answer{Error: err.Error()}
		}
		return &control.Answer{Lines: lines}
	}
	if r.Metrics {
		return q.metrics()
	}
	if r.Status {
		return q.state()
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

// counters returns the losses up to the last second.
func (q *answerer) counters() *control.Answer {
	s := q.status()
	if s == nil {
		return &control.Answer{Error: "weir has only just started: ask again in a second"}
	}
	all, err := json.Marshal(control.Counters{Mode: s.Mode, Seconds: int64(s.Elapsed.Seconds()),
		Readings: s.Counters.Readings(metric.Loss)})
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	return &control.Answer{Counters: all}
}

// state returns what is watched, and what becomes of reports.
func (q *answerer) state() *control.Answer {
	s := q.status()
	if s == nil {
		return &control.Answer{Error: "weir has only just started: ask again in a second"}
	}
	state := control.Status{Mode: s.Mode, Seconds: int64(s.Elapsed.Seconds()), Interfaces: s.Interfaces,
		Packets: s.Totals.Packets, Flows: s.Totals.Flows.Created, Restarts: true,
		Exported: q.exports.state()}
	if q.uplink != nil {
		state.Uplink = q.uplink()
	}
	all, err := json.Marshal(&state)
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	return &control.Answer{Status: all}
}

// describeHost describes a device in one line.
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
