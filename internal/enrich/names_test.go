// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestHairpin: a connection from the LAN through the gateway's outer address back into the LAN gets its translation by
// any name of its packets: the client's, the server's, or the one on a bridge, with one end translated and the other
// not.
func TestHairpin(t *testing.T) {
	const outer, inner, target = "203.0.113.1:7000", "192.168.1.1:51324", "192.168.1.21:7001"
	for name, ends := range map[string][2]string{
		"as the client sends": {host, outer}, "as the server answers": {target, inner}, "in between": {host, target},
		"in between, answers": {target, host},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			b.table.Put(&conntrack.Connection{
				Original: tuple(host, outer, packet.ProtoTCP), Reply: tuple(target, inner, packet.ProtoTCP), ID: 9,
				Status: conntrack.SeenReply | conntrack.SourceNAT | conntrack.DestinationNAT,
			})
			r := flowOf(ends[0], ends[1], 3, 5, record.StateEnd)
			if ends[0] == target {
				r = flowOf(ends[0], ends[1], 5, 3, record.StateEnd)
			}
			b.put(t, r)
			b.want(t, "end internal 192.168.1.20:51324 (lan) 3/300 -> 192.168.1.21:7001 (lan) 5/500 snat+dnat "+
				"192.168.1.1:51324 203.0.113.1:7000")
		})
	}
}

// TestLinkComesBack: a link with masquerade goes down, which ends its connections; a client's retransmissions after it
// comes back begin others of the same name. The earlier flow's record keeps its own connection's translation, even if
// late.
func TestLinkComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		c := masqueraded(packet.ProtoTCP)
		b.table.Put(c)
		before := flowOf(host, server, 3, 5, record.StateEnd)
		wait.Pass(10 * time.Second)
		before.LastSeen = time.Now().UnixNano()
		b.table.Drop(c)
		var repeats []*record.Flow
		for i := range 7 { // with growing pauses
			wait.Pass(time.Minute << min(i, 1))
			if again := *c; i%2 == 0 { // else without a route, and without a connection
				again.ID += uint32(i + 1)
				again.Status &^= conntrack.SeenReply
				b.table.Put(&again)
				defer b.table.Drop(&again)
			}
			repeats = append(repeats, flowOf(host, server, 1, 0, record.StateEnd))
		}
		b.put(t, before)
		b.want(t, "end outbound "+whole)
		for _, r := range repeats {
			b.put(t, r)
		}
		if err := b.Close(time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, line := range b.out {
			const once = "end outbound 192.168.1.20:51324 (lan) 1/100 -> 198.51.100.7:443 (wan) 0/0"
			if line != once && line != once+" snat 203.0.113.1:40112 198.51.100.7:443" {
				t.Error(line)
			}
		}
	})
}

// TestLegOutlivesItsConnection: the kernel forgets a connection, and the gateway answers the server's further packets
// with resets, under the name of the server's leg. The two legs still make one record, in either order, even after
// updates; and no count is lost if the other leg is missing.
func TestLegOutlivesItsConnection(t *testing.T) {
	const all = "192.168.1.20:51324 (lan) 5/500 -> 198.51.100.7:443 (wan) 9/900 snat 203.0.113.1:40112 198.51.100.7:443"
	const alone = "192.168.1.20:51324 (lan) 2/200 -> 198.51.100.7:443 (wan) 9/900 snat 203.0.113.1:40112 " +
		"198.51.100.7:443"
	for name, c := range map[string]struct {
		records []*record.Flow // after the connection's end
		want    string
	}{
		"the server's leg first": {[]*record.Flow{flowOf(server, gateway, 9, 2, record.StateEnd),
			flowOf(host, server, 3, 0, record.StateEnd)}, "end outbound " + all},
		"the client's leg first": {[]*record.Flow{flowOf(host, server, 3, 0, record.StateEnd),
			flowOf(gateway, server, 2, 9, record.StateEnd)}, "end outbound " + all},
		"and again": {[]*record.Flow{flowOf(server, gateway, 8, 1, record.StateEnd),
			flowOf(server, gateway, 1, 1, record.StateEnd), flowOf(host, server, 3, 0, record.StateEnd)},
			"end outbound " + all},
		"without the other leg": {[]*record.Flow{flowOf(server, gateway, 9, 2, record.StateEnd)},
			"end outbound " + alone},
	} {
		for _, isTold := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				connection := masqueraded(packet.ProtoTCP)
				b.table.Put(connection)
				wait.Pass(10 * time.Second)
				now := time.Now()
				if isTold {
					b.put(t, flowOf(server, gateway, 7, 0, record.StateNew))
				}
				b.table.Drop(connection)
				var records []*record.Flow
				for _, r := range c.records {
					r = r.Clone() // the chain completes it in place
					records = append(records, r)
					r.FirstSeen, r.LastSeen = now.Add(-9*time.Second).UnixNano(), now.Add(time.Second).UnixNano()
				}
				wait.Pass(10 * time.Second)
				if isTold {
					r := *records[0]
					r.State = record.StateUpdate
					b.put(t, &r)
				}
				b.out = nil
				b.put(t, records...)
				if err := b.Close(time.Now()); err != nil {
					t.Fatal(err)
				}
				if got := b.out[len(b.out)-1]; got != c.want || len(b.out) > 1 && !isTold {
					t.Errorf("%s: got %q, want %s", name, b.out, c.want)
				}
			})
		}
	}
}
