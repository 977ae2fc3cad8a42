// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

func full(i int) *Flow {
	return &Flow{
		CommunityID: fmt.Appendf(nil, "1:%d", i), Interface: "lan0", VLANs: []uint16{uint16(i), 2},
		Hostname: fmt.Appendf(nil, "host%d.example", i), Tunnels: []packet.Tunnel{packet.TunnelGRE},
		Info: fmt.Appendf(nil, `"dns":{"id":%d}`, i),
	}
}

// TestBatch: copies stay unchanged when the originals change and the batch's memory grows.
func TestBatch(t *testing.T) {
	var b Batch
	for round := range 3 {
		b.Reset()
		for i := range 1000 {
			f := full(i + round)
			b.Add(f)
			for _, text := range [][]byte{f.CommunityID, f.Hostname, f.Info} {
				copy(text, bytes.Repeat([]byte("x"), len(text)))
			}
			f.VLANs[0], f.Tunnels[0] = 9, packet.TunnelNone
		}
		for i := range b.Flows {
			if want := full(i + round); !reflect.DeepEqual(&b.Flows[i], want) {
				t.Fatalf("round %d: %+v, want %+v", round, &b.Flows[i], want)
			}
		}
	}
}

func TestBatchDoesNotAllocate(t *testing.T) {
	var b Batch
	f := full(1)
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		for range 100 {
			b.Add(f)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
