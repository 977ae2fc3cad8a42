// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

const (
	// maxExpected is how many announced flows one worker waits for; the oldest is forgotten.
	maxExpected = 256
	// expectedFor is how long one waits for a flow that another announced, in nanoseconds.
	expectedFor = int64(120e9)
)

// expectations are flows that other flows announced (FTP's data channel, TFTP's transfer). They are looked through in
// whole: the list is short, and only new flows look.
type expectations struct {
	list [maxExpected]expectation
	next int
	any  bool
}

type expectation struct {
	dissect.Expectation
	client, control netip.Addr // the ends of the flow that announced it
	until           int64
}

// add notes an announced flow; forgot says that another, still waited for, gave way.
func (x *expectations) add(e dissect.Expectation, client, server netip.Addr, now int64) (forgot bool) {
	for i := range x.list {
		if x.list[i].Expectation == e && x.list[i].client == client {
			x.list[i].until = now + expectedFor // a dissector says it again at each call
			return false
		}
	}
	forgot = x.list[x.next].until >= now && x.list[x.next].until != 0
	x.list[x.next] = expectation{e, client, server, now + expectedFor}
	x.next = (x.next + 1) % maxExpected
	x.any = true
	return forgot
}

// find gives the announced flow that begins with a packet from source to end, if source is of the flow that announced
// it; nil where there is none.
func (x *expectations) find(source netip.Addr, end netip.AddrPort, over dissect.Transport,
	now int64) *dissect.Expectation {
	if !x.any {
		return nil
	}
	for i := range x.list {
		e := &x.list[i]
		if e.Server == end && e.Over == over && now <= e.until && (source == e.client || source == e.control) {
			return &e.Expectation
		}
	}
	return nil
}
