// SPDX-License-Identifier: Apache-2.0

package dissect

import "slices"

// maxOpen bounds the dissectors that are noted as undecided: seldom do as many share a port.
const maxOpen = 4

// IsOpen says whether nothing that was said rules out that the flow speaks the protocol name at port, one of its two.
// It is open where nobody has spoken, where the start of what was said was not seen, where no dissector knows the
// protocol at that port, and where the dissector waits for more. It is for flows that have no name.
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

// isOpen says whether dissector i still waits or did when the budget ended. One that began late waits for what came
// after something else.
func (s *Session) isOpen(i uint16) bool {
	for k := range s.pending[:s.nPending] {
		if w := &s.pending[k]; w.protocol == i && (!w.is(isLate) || w.is(isClaim)) {
			return true
		}
	}
	return slices.Contains(s.open[:s.nOpen], i)
}

// gives says whether name is one of the slugs that the dissector gives.
func (p *Protocol) gives(name string) bool { return p.Name == name || slices.Contains(p.Also, name) }

// see notes that the dissectors judge what was said, and whether it can be less than that.
func (s *Session) see(c *Conversation, seg *Segment) {
	s.judged = s.judged || c.Transport == TCP || !isKeepAlive(seg.Payload)
	s.blind = s.blind || c.Midstream || len(seg.Payload) < seg.Length
}

// leaveOpen notes that dissector i of protocol p, which is tried at the flow's ports, said neither yes nor no to the
// last.
func (s *Session) leaveOpen(p *Protocol, i uint16, c *Conversation) {
	if s.nOpen == maxOpen || s.isOpen(i) || !slices.ContainsFunc(p.Ports, c.HasPort) {
		return
	}
	s.open[s.nOpen] = i
	s.nOpen++
}
