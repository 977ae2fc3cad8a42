// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// onCard returns the host's connection while a card forwards it, with the kernel's counts.
func onCard(packets uint64) *conntrack.Connection {
	c := masqueraded(packet.ProtoTCP)
	c.Status |= conntrack.Offloaded | conntrack.HardwareOffloaded
	c.Packets, c.Bytes = [2]uint64{packets, 2 * packets}, [2]uint64{100 * packets, 3000 * packets}
	return c
}

// idle returns the last record of a flow that fell silent.
func idle(client, server string, sent, answered uint64) *record.Flow {
	r := flowOf(client, server, sent, answered, record.StateEnd)
	r.EndReason = record.EndIdle
	r.ID[0] = 1
	return r
}

// line returns the text of the connection's record with the kernel's count of packets.
func line(state string, packets uint64) string {
	return fmt.Sprintf("%s outbound 192.168.1.20:51324 (lan) %d/%d -> 198.51.100.7:443 (wan) %d/%d snat "+
		"203.0.113.1:40112 198.51.100.7:443",
		state, packets, 100*packets, 2*packets, 3000*packets)
}

func (b *bench) tick(t *testing.T) {
	t.Helper()
	if err := b.Tick(time.Now()); err != nil {
		t.Fatal(err)
	}
}

// TestOffload: a card forwards a connection; the chain reports the kernel's counts, under one id, until the connection
// ends.
func TestOffload(t *testing.T) {
	b := newBench()
	var ids [][32]byte
	emit := b.emit
	b.emit = func(r *record.Flow) error {
		ids = append(ids, r.ID)
		return emit(r)
	}
	b.table.Put(onCard(100))
	b.put(t, idle(host, server, 3, 5))
	b.want(t, line("update", 100))
	b.tick(t)
	b.want(t)
	b.table.Put(onCard(200))
	b.tick(t)
	b.want(t, line("update", 200))

	// The card returns it for its last packets, which make another flow.
	again := flowOf(host, server, 1, 1, record.StateNew)
	again.ID[0] = 2
	b.put(t, again)
	b.want(t, line("update", 200))
	b.table.Put(onCard(300))
	b.tick(t) // the flow itself reports now
	b.want(t)
	again = flowOf(host, server, 2, 2, record.StateEnd)
	again.ID[0], again.EndReason = 2, record.EndClosed
	b.table.Drop(onCard(301))
	b.put(t, again)
	b.want(t, line("end", 301))
	b.tick(t)
	b.want(t)
	for _, id := range ids {
		if id[0] != 1 {
			t.Errorf("a record of flow %d", id[0])
		}
	}
}

// TestOffloadEnds: the connection ends without a further packet.
func TestOffloadEnds(t *testing.T) {
	b := newBench()
	b.table.Put(onCard(100))
	b.put(t, idle(host, server, 3, 5))
	b.table.Drop(onCard(150))
	b.tick(t)
	b.want(t, line("update", 100), line("end", 150))
	if len(b.offload.records) > 0 {
		t.Errorf("%d are kept", len(b.offload.records))
	}
}

// TestOffloadLegs: the kernel's counts appear once where the legs are flows of their own.
func TestOffloadLegs(t *testing.T) {
	b := newBench()
	b.table.Put(onCard(100))
	b.put(t, idle(host, server, 3, 0))
	b.want(t)
	b.put(t, idle(server, gateway, 5, 0))
	b.want(t, line("update", 100))
	if err := b.Close(time.Now()); err != nil {
		t.Fatal(err)
	}
	b.want(t, line("end", 100))
}

// TestOffloadUncounted: without the kernel's counts the chain reports nothing more.
func TestOffloadUncounted(t *testing.T) {
	b := newBench()
	b.table.Put(onCard(0))
	b.put(t, idle(host, server, 3, 5))
	b.want(t, "end outbound "+whole)
}
