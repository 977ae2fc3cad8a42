// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"testing"
	"time"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

const unplaced = "end transit 203.0.113.1:40112 (wan) 3/300 -> 198.51.100.7:443 (wan) 5/500"

// TestResync: while events are missing, a flow's last record waits for the dump that replaces them.
func TestResync(t *testing.T) {
	b := newBench()
	b.table.SetBehind(true)
	b.put(t, flowOf(gateway, server, 3, 5, record.StateUpdate))
	b.want(t, "update"+unplaced[len("end"):])
	b.put(t, flowOf(gateway, server, 3, 5, record.StateEnd))
	b.tick(t)
	b.want(t)
	b.table.Put(masqueraded(packet.ProtoTCP))
	b.table.SetBehind(false)
	b.tick(t)
	b.want(t, "end outbound "+whole)
	b.tick(t)
	b.want(t)
}

// TestResyncNeverComes: the wait ends without a dump too, with the chain, and at the limit.
func TestResyncNeverComes(t *testing.T) {
	b := newBench()
	b.table.SetBehind(true)
	b.put(t, flowOf(gateway, server, 3, 5, record.StateEnd))
	if err := b.Tick(time.Now().Add(resyncWait + time.Second)); err != nil {
		t.Fatal(err)
	}
	b.want(t, unplaced)
	b.put(t, flowOf(gateway, server, 3, 5, record.StateEnd))
	if err := b.Close(time.Now()); err != nil {
		t.Fatal(err)
	}
	b.want(t, unplaced)
	const more = 10
	for range maxResync + more {
		b.put(t, flowOf(gateway, server, 3, 5, record.StateEnd))
	}
	if len(b.out) != more || len(b.resync.held) != maxResync {
		t.Errorf("%d were passed on, %d wait", len(b.out), len(b.resync.held))
	}
}
