// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// accounting counts a worker's packets in their flows: the worker itself does, or it reads the kernel's counters. All
// methods run on the worker's goroutine.
type accounting interface {
	// take handles an outermost packet that the capture has counted (Frame.isCounted).
	take(fr *Frame, p *packet.Packet)
	// isCounted reports whether the packets of the flow at i are counted without the worker.
	isCounted(i flow.Index) bool
	// end takes over the record of a flow that leaves the table, and reports whether it did.
	end(i flow.Index, f *flow.Flow, d *detail, why flow.Reason) bool
	// showAll makes the capture show all packets of the flow at i.
	showAll(i flow.Index)
	// showNew makes the capture show so many packets of each new flow; 0: as many as usual.
	showNew(packets int32)
	// patience returns how long pass may be put off.
	patience() time.Duration
	// pass does periodic work. isTick marks a new tick, which ends flows whose time is over.
	pass(now int64, isTick bool) error
	// close reads the final counts, once nothing is counted any more. It calls done after each record.
	close(now int64, done func())
	// flush completes the records that end took over, after close, and calls done after each.
	flush(done func())
}

// ownAccounting is the accounting of a worker that counts each packet it sees (flowPacket).
type ownAccounting struct{ *worker }

func (o ownAccounting) take(fr *Frame, p *packet.Packet) { o.packet(fr, p, nil, 0) }

func (ownAccounting) isCounted(flow.Index) bool { return false }

func (ownAccounting) end(flow.Index, *flow.Flow, *detail, flow.Reason) bool { return false }

func (ownAccounting) showAll(flow.Index) {}

func (ownAccounting) showNew(int32) {}

func (ownAccounting) patience() time.Duration { return time.Duration(tick) }

func (o ownAccounting) pass(now int64, isTick bool) error {
	if isTick {
		o.advance(now)
	}
	return nil
}

func (ownAccounting) close(int64, func()) {}

func (ownAccounting) flush(func()) {}
