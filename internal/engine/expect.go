// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

const (
	// maxExpected bounds the announced flows that a worker waits for; a new one replaces the oldest.
	maxExpected = 256
	// expectedFor bounds the wait for an announced flow, in nanoseconds.
	expectedFor = int64(120e9)
)

// expectations are flows that other flows announced (FTP's data channel, TFTP's transfer). A linear search suffices:
// the list is short, and only new flows search it.
type expectations struct {
	list [maxExpected]expectation
	next int
	any  bool
}

type expectation struct {
	dissect.Expectation
	client, control netip.Addr // the ends of the announcing flow
	until           int64
}

// add stores an announced flow; forgot reports that it replaced one that is still expected.
func (x *expectations) add(e dissect.Expectation, client, server netip.Addr, now int64) (forgot bool) {
	for i := range x.list {
		if x.list[i].Expectation == e && x.list[i].client == client {
			x.list[i].until = now + expectedFor // dissectors repeat it at each call
			return false
		}
	}
	forgot = x.list[x.next].until >= now && x.list[x.next].until != 0
	x.list[x.next] = expectation{e, client, server, now + expectedFor}
	x.next = (x.next + 1) % maxExpected
	x.any = true
	return forgot
}

// find returns the announced flow that begins with a packet from source to end, if source is an end of the announcing
// flow; else nil.
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
