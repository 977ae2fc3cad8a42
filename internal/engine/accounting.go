// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// accounting is who counts a worker's packets in their flows: the worker itself, or the kernel, whose counters it
// reads. All methods belong to the worker's goroutine.
type accounting interface {
	// take shows an outermost packet to its flow that its capture says is counted (Frame.isCounted).
	take(fr *Frame, p *packet.Packet)
	// isCounted says whether the packets of the flow at i are counted without the worker.
	isCounted(i flow.Index) bool
	// end takes the record of a flow that leaves the table over, and says whether it did.
	end(i flow.Index, f *flow.Flow, d *detail, why flow.Reason) bool
	// patience is for how long pass may be put off.
	patience() time.Duration
	// pass does what time makes due. isTick says that a tick has passed: flows whose time is over end.
	pass(now int64, isTick bool) error
	// close reads what was counted last, where nothing is counted any more.
	close(now int64)
	// flush completes the records that end took over, after close.
	flush()
}

// ownAccounting is the accounting of a worker that counts each packet when it sees it (flowPacket).
type ownAccounting struct{ *worker }

func (o ownAccounting) take(fr *Frame, p *packet.Packet) { o.packet(fr, p, nil, 0) }

func (ownAccounting) isCounted(flow.Index) bool { return false }

func (ownAccounting) end(flow.Index, *flow.Flow, *detail, flow.Reason) bool { return false }

func (ownAccounting) patience() time.Duration { return time.Duration(tick) }

func (o ownAccounting) pass(now int64, isTick bool) error {
	if isTick {
		o.advance(now)
	}
	return nil
}

func (ownAccounting) close(int64) {}

func (ownAccounting) flush() {}
