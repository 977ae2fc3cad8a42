// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// move sets a device's interface and router.
func (h *host) move(link string, router netip.Addr) {
	if h.link != link || h.router != router {
		h.link, h.router, h.isChanged = link, router, true
	}
}

func (h *host) setRouter(is bool) {
	if h.isRouter != is {
		h.isRouter, h.isChanged = is, true
	}
}

// Changed returns the devices that have changed since it last returned them, apart from the times when they were seen:
// the most certain first, at most most of them, so that forged ones do not delay others. One goroutine may call it.
func (t *Table) Changed(most int) []Host {
	list := t.list()
	t.findRouters(list)
	var changed []Host
	for _, h := range slices.Backward(list) {
		if len(changed) == most {
			break
		}
		t.with(h, func() {
			if h.isChanged {
				h.isChanged = false
				changed = append(changed, h.copy())
			}
		})
	}
	for i := range changed {
		changed[i].identify()
	}
	return changed
}

// AppendJSON appends the device as encoding/json does, but with times as in flow records.
func (p *Host) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	if p.MAC != "" {
		b = append(record.AppendText(append(b, `"mac":`...), p.MAC), ',')
	}
	if p.Vendor != "" {
		b = append(record.AppendText(append(b, `"vendor":`...), p.Vendor), ',')
	}
	if p.RandomMAC {
		b = append(b, `"random_mac":true,`...)
	}
	b = append(b, `"addresses":[`...)
	for i := range p.Addresses {
		a := &p.Addresses[i]
		b = appendMember(append(b, '{'), "ip", a.IP.String())
		b = append(appendTimes(b, a.FirstSeen, a.LastSeen), "},"...)
	}
	b = append(record.EndList(b), ',')
	if len(p.Names) > 0 {
		b = append(b, `"names":[`...)
		for _, n := range p.Names {
			b = record.AppendText(append(b, `{"name":`...), n.Name)
			b = append(record.AppendText(append(b, `,"source":`...), n.Source), "},"...)
		}
		b = append(record.EndList(b), ',')
	}
	b = p.Kind.appendJSON(p.OS.appendJSON(b, "os"), "kind")
	if p.Interface != "" {
		b = append(record.AppendText(append(b, `"interface":`...), p.Interface), ',')
	}
	if p.Router.IsValid() {
		b = appendMember(b, "router", p.Router.String())
	}
	if p.IsRouter {
		b = append(b, `"is_router":true,`...)
	}
	return append(appendTimes(b, p.FirstSeen, p.LastSeen), '}')
}

func appendTimes(b []byte, first, last time.Time) []byte {
	b = record.AppendTime(append(b, `"first_seen":"`...), first.UnixNano())
	return append(record.AppendTime(append(b, `","last_seen":"`...), last.UnixNano()), '"')
}

// appendJSON appends a guess and a comma; nothing for nil.
func (g *Guess) appendJSON(b []byte, name string) []byte {
	if g == nil {
		return b
	}
	b = append(append(append(b, '"'), name...), `":{"value":`...)
	b = record.AppendText(b, g.Value)
	b = strconv.AppendInt(append(b, `,"confidence":`...), int64(g.Confidence), 10)
	b = append(b, `,"evidence":[`...)
	for _, e := range g.Evidence {
		b = append(record.AppendText(b, e), ',')
	}
	return append(record.EndList(b), "},"...)
}
