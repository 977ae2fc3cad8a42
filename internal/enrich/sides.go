// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"sync/atomic"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// placement is the stage that sets the sides of a record's ends.
type placement struct {
	network atomic.Pointer[topology.Network]
}

func (p *placement) flow(r *record.Flow) {
	n := p.network.Load()
	if n == nil {
		return
	}
	client, server := n.Side(r.Client.Addr.Addr(), r.Interface), n.Side(r.Server.Addr.Addr(), r.Interface)
	if r.Direction == record.DirectionBroadcast { // sent to all stations, which the address alone may not show
		server = record.SideBroadcast
	}
	r.Client.Side, r.Server.Side = client, server
	r.Direction = record.DirectionBetween(client, server)
}
