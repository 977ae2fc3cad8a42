// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/enrich"
	"github.com/weirnet/weir/internal/explain"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
	"github.com/weirnet/weir/internal/topology"
)

// enrichment completes the records, and learns from them for later records and for answers. One goroutine drives the
// chain; any goroutine may query the tables.
type enrichment struct {
	chain     *enrich.Chain
	explainer *explain.Explainer
	hosts     *hosts.Table
	followers *followers
	history   tally.History
}

// newEnrichment passes completed records to emit, each valid during the call. table may be nil.
func newEnrichment(o *agent.Options, table *conntrack.Table, now *topology.Network,
	emit func(*record.Flow) error) *enrichment {
	e := &enrichment{hosts: hosts.New()}
	e.chain = enrich.New(table, func(r *record.Flow) error {
		e.followers.flow(r)
		e.history.Flow(r)
		e.hosts.Flow(r, e.chain.Network().Place)
		return emit(r)
	})
	e.chain.SetIdle(o.TCPIdle, o.Idle)
	e.chain.SetNetwork(now)
	e.explainer = explain.New(e.chain.Network)
	e.followers = newFollowers(e.explainer, e.hosts, o.Events)
	e.history.Second(time.Now(), 0, 0)
	return e
}
