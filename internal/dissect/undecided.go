// SPDX-License-Identifier: Apache-2.0

package dissect

import "slices"

// maxOpen bounds the undecided dissectors of a flow: rarely do more share a port.
const maxOpen = 4

// IsOpen reports whether the payload leaves it open that the flow speaks the protocol name at port, one of the flow's
// two. It is open if no side has spoken, if the session missed the start, if no dissector knows the protocol at that
// port, or if the dissector waits for more. Use it to guess the protocol of flows without a name.
func (s *Session) IsOpen(t *Table, flow *Flow, name string, port uint16) bool {
	if !s.judged || s.blind {
		return true
	}
	known := false
	for _, i := range t.byPort[portKey{flow.Transport, port}] {
		if t.protocols[i].gives(name) {
			known = true
			if s.isOpen(i) {
				return true
			}
		}
	}
	return !known
}

// isOpen reports whether dissector i still waits, or did when the budget ended. A dissector that began late counts only
// if it claims the flow: earlier datagrams were refused.
func (s *Session) isOpen(i uint16) bool {
	for k := range s.pending[:s.nPending] {
		if w := &s.pending[k]; w.protocol == i && (!w.is(isLate) || w.is(isClaim)) {
			return true
		}
	}
	return slices.Contains(s.open[:s.nOpen], i)
}

// gives reports whether name is one of the dissector's slugs.
func (p *Protocol) gives(name string) bool { return p.Name == name || slices.Contains(p.Also, name) }

// see records that the dissectors have judged payload, and whether they missed part of it.
func (s *Session) see(c *Conversation, seg *Segment) {
	s.judged = s.judged || c.Transport == TCP || !isKeepAlive(seg.Payload)
	s.blind = s.blind || c.Midstream || len(seg.Payload) < seg.Length
}

// leaveOpen records dissector i of protocol p as undecided at the end of the budget, if the flow's ports are the
// protocol's.
func (s *Session) leaveOpen(p *Protocol, i uint16, c *Conversation) {
	if s.nOpen == maxOpen || s.isOpen(i) || !slices.ContainsFunc(p.Ports, c.HasPort) {
		return
	}
	s.open[s.nOpen] = i
	s.nOpen++
}
