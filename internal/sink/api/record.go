// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"fmt"
	"sync"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/explain/words"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// parseRecord reads a flow record from its JSON.
func parseRecord(text []byte) (*record.Flow, error) {
	r := &record.Flow{}
	return r, r.Read(text)
}

// builtIn is the catalog that this program carries.
var builtIn = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load() })

// why says in sentences what is known of a flow, and explains its risks.
func why(text []byte) ([]string, []Risk, error) {
	r, err := parseRecord(text)
	if err != nil {
		return nil, nil, err
	}
	entries, err := builtIn()
	if err != nil {
		return nil, nil, err
	}
	lines := []string{fmt.Sprintf("%s from %s to %s, %s.", packet.ProtoName(r.Proto), words.End(r.Client.Addr),
		words.End(r.Server.Addr), r.Direction)}
	if r.Client.Side != record.SideUnknown || r.Server.Side != record.SideUnknown {
		lines = append(lines, fmt.Sprintf("The gateway placed the client on the side %s and the server on the side %s.",
			sideText(r.Client.Side), sideText(r.Server.Side)))
	}
	for _, more := range [...][]string{words.Origins(r), words.Process(r), words.Connection(r), words.Names(r, entries),
		words.Health(r)} {
		lines = append(lines, more...)
	}
	risks := []Risk{}
	for i, risk := range record.RiskList() {
		if r.Risks.Has(record.Risk(i)) {
			risks = append(risks, Risk{risk.Slug, risk.Severity.String(), risk.Meaning, risk.Advice})
		}
	}
	return lines, risks, nil
}

func sideText(s record.Side) string { return cmp.Or(s.String(), "unknown") }
