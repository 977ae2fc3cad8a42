// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// totals are sums of an interval's flows.
type totals struct {
	protocols, applications, categories *tally.Names
	rows                                []*tally.Row // scratch
}

func newTotals() totals {
	return totals{protocols: tally.NewNames(tally.MaxNames), applications: tally.NewNames(tally.MaxNames),
		categories: tally.NewNames(tally.MaxNames)}
}

// add adds what a flow has more than at its record before; isNew: it is the interval's first record of the flow.
func (t *totals) add(f *record.Flow, now, before record.Counts, isNew bool) {
	more := tally.Amounts{
		Bytes: [2]uint64{grown(now.ClientBytes, before.ClientBytes), grown(now.ServerBytes, before.ServerBytes)},
		Packets: grown(now.ClientPackets, before.ClientPackets) +
			grown(now.ServerPackets, before.ServerPackets),
	}
	for _, row := range [...]*tally.Row{t.protocols.Row(f.Protocol), t.applications.Row(f.Application),
		t.categories.Row(f.Category)} {
		if isNew {
			row.Flows++
		}
		row.Total.Add(more)
	}
}

// grown is how much a count has grown.
func grown(now, before uint64) uint64 { return now - min(now, before) }

// append appends the totals, and begins anew.
func (t *totals) append(b []byte) []byte {
	b = t.appendRows(append(b, `,"totals":{"protocols":`...), t.protocols)
	b = t.appendRows(append(b, `,"applications":`...), t.applications)
	b = t.appendRows(append(b, `,"categories":`...), t.categories)
	return append(b, '}')
}

// appendRows appends the rows that have something, by name. The row of flows without a name comes first and has none.
func (t *totals) appendRows(b []byte, names *tally.Names) []byte {
	t.rows = t.rows[:0]
	for row := range names.All() {
		if row.Flows > 0 || row.Total != (tally.Amounts{}) {
			t.rows = append(t.rows, row)
		}
	}
	slices.SortFunc(t.rows, func(a, b *tally.Row) int { return cmp.Compare(a.Name, b.Name) })
	b = append(b, '[')
	for _, row := range t.rows {
		switch b = append(b, '{'); row.Name {
		case tally.None:
		case tally.Other:
			b = append(b, `"other":true,`...)
		default:
			b = append(record.AppendText(append(b, `"name":`...), row.Name), ',')
		}
		b = strconv.AppendInt(append(b, `"flows":`...), int64(row.Flows), 10)
		b = strconv.AppendUint(append(b, `,"packets":`...), row.Total.Packets, 10)
		b = strconv.AppendUint(append(b, `,"client_bytes":`...), row.Total.Bytes[0], 10)
		b = strconv.AppendUint(append(b, `,"server_bytes":`...), row.Total.Bytes[1], 10)
		b = append(b, `},`...)
		row.Flows, row.Total = 0, tally.Amounts{}
	}
	return record.EndList(b)
}
