// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// pulse tells the helper how the agent is: once the capture has begun, and then at each interval in which the hub has
// gone on. A hub that hangs makes no sign, so that a service manager may start weir anew.
type pulse struct {
	every time.Duration // 0: never
	tell  func(string) error
	state func() string
	work  func() uint64 // grows as the hub goes on
	begun chan struct{} // closed once the capture has begun
}

// run returns when ctx ends, or the helper is gone.
func (p *pulse) run(ctx context.Context) {
	if p.every <= 0 {
		return
	}
	select {
	case <-p.begun:
	case <-ctx.Done():
		return
	}
	if p.tell(p.state()) != nil {
		return
	}
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for last := p.work(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := p.work()
		if now == last {
			continue
		}
		last = now
		if p.tell(p.state()) != nil {
			return
		}
	}
}

// maxNamesBytes bounds the names of interfaces in a line.
const maxNamesBytes = 120

// describe says in one line what the agent does.
func (p *process) describe() string {
	names := strings.Join(p.links.names(), ", ")
	if len(names) > maxNamesBytes {
		names = fmt.Sprintf("%d interfaces", len(p.links.names()))
	}
	if names == "" {
		names = "no interface yet"
	}
	text := fmt.Sprintf("watching %s, mode %s", names, p.mode)
	if s := p.hub.latest.Load(); s != nil {
		text += fmt.Sprintf(": %d packets in %d flows", s.Totals.Packets, s.Totals.Flows.Created)
	}
	return text
}
