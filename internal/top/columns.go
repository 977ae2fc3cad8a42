// SPDX-License-Identifier: Apache-2.0

package top

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// column is a column of a list. The first one of a list, the name, is always there.
type column struct {
	title  string
	width  int // the least
	most   int // the width that it may grow to, 0: width
	rank   int // the lowest comes first if there is not room for all
	isText bool
	isTail bool // of a longer text the end is shown
	order  int  // the sort order of this column, -1: none
	style  style
	text   func(m *model, e *entry, width int) string
}

const (
	rateWidth = 11 // 3.78 Mbit/s
	sparkMost = 60
	// sparkTitle is the title of a sparkline of five minutes.
	sparkTitle = "last 5 min"
)

var rateColumn = column{title: "rate", width: rateWidth, order: byRate,
	text: func(m *model, e *entry, _ int) string {
		if e.ended {
			return "ended"
		}
		return m.rateText(e.rate())
	}}

func upColumn(rank int) column {
	return column{title: "up", width: rateWidth, rank: rank, order: -1, style: faint,
		text: func(m *model, e *entry, _ int) string { return m.rateText(e.up) }}
}

func downColumn(rank int) column {
	return column{title: "down", width: rateWidth, rank: rank, order: -1, style: faint,
		text: func(m *model, e *entry, _ int) string { return m.rateText(e.down) }}
}

func packetsColumn(rank int) column {
	return column{title: "packets/s", width: 9, rank: rank, order: -1, style: faint,
		text: func(_ *model, e *entry, _ int) string { return countText(e.packets) }}
}

func totalColumn(rank int) column {
	return column{title: "total", width: 7, rank: rank, order: byTotal,
		text: func(_ *model, e *entry, _ int) string { return bytesText(e.bytes.Sum()) }}
}

func flowsColumn(rank int) column {
	return column{title: "flows", width: 5, rank: rank, order: byFlows,
		text: func(_ *model, e *entry, _ int) string { return grouped(uint64(e.flows)) }}
}

func sparkColumn(rank int) column {
	return column{title: sparkTitle, width: 12, most: sparkMost, rank: rank, order: -1, style: green, isText: true,
		text: func(m *model, e *entry, width int) string {
			return spark(e.spark[max(len(e.spark)-width, 0):], m.style.ascii)
		}}
}

func barColumn(rank int) column {
	return column{width: 8, most: 24, rank: rank, order: -1, style: cyan, isText: true,
		text: func(m *model, e *entry, width int) string {
			if m.busiest <= 0 {
				return ""
			}
			return bar(e.rate()/m.busiest, width, m.style.ascii)
		}}
}

func nameColumn(title string, width, most int) column {
	return column{title: title, width: width, most: most, isText: true, isTail: true, order: byName,
		text: func(m *model, e *entry, _ int) string { return m.style.text(e.name) }}
}

// sumColumns are the columns of rows, in their order on the screen.
func sumColumns(title string, tail bool) []column {
	name := nameColumn(title, 16, 44)
	name.isTail = tail
	return []column{name, barColumn(4), rateColumn, upColumn(5), downColumn(6), packetsColumn(7), totalColumn(1),
		flowsColumn(2), sparkColumn(3)}
}

var deviceColumns = []column{nameColumn("device", 16, 30),
	{title: "addresses", width: 15, most: 60, rank: 2, order: -1, isText: true, style: faint,
		text: func(m *model, e *entry, width int) string { return addressesText(m.style.text(e.addresses), width) }},
	barColumn(5), rateColumn, upColumn(6), downColumn(7), packetsColumn(8), totalColumn(1), flowsColumn(4),
	sparkColumn(3)}

// directions are short words for the directions.
var directions = map[record.Direction]string{record.DirectionOutbound: "out", record.DirectionInbound: "in",
	record.DirectionInternal: "lan", record.DirectionTransit: "fwd", record.DirectionMulticast: "mcast",
	record.DirectionBroadcast: "bcast"}

var flowColumns = []column{
	{title: "client", width: 19, most: 28, rank: 1, order: -1, isText: true, isTail: true,
		text: func(m *model, e *entry, _ int) string { return m.style.text(e.client) }},
	{title: "dir", width: 5, rank: 7, order: -1, isText: true, style: faint,
		text: func(_ *model, e *entry, _ int) string { return cmp.Or(directions[e.flow.Direction], "-") }},
	nameColumn("server", 16, 48),
	{title: "proto", width: 6, rank: 10, order: -1, isText: true, style: faint,
		text: func(m *model, e *entry, _ int) string { return m.style.text(packet.ProtoName(e.flow.Proto)) }},
	{title: "protocol", width: 9, most: 14, rank: 5, order: -1, isText: true, style: faint,
		text: func(m *model, e *entry, _ int) string {
			protocol, _ := names(e.flow)
			return m.style.text(protocol)
		}},
	{title: "app", width: 10, most: 20, rank: 2, order: -1, isText: true,
		text: func(m *model, e *entry, _ int) string {
			_, application := names(e.flow)
			return m.style.text(application)
		}},
	{title: "age", width: 6, rank: 3, order: byFlows,
		text: func(_ *model, e *entry, _ int) string { return ageText(e.age) }},
	rateColumn, upColumn(9), downColumn(9), totalColumn(4), sparkColumn(8),
	{title: "id", width: 8, rank: 6, order: -1, isText: true, style: faint,
		text: func(_ *model, e *entry, _ int) string { return hexText(e.flow.ID) }},
}

// columnsOf are the columns of the lists.
var columnsOf = [kinds][]column{sumColumns("application", false), sumColumns("protocol", false),
	sumColumns("category", false), deviceColumns, sumColumns("host", true), sumColumns("destination", true),
	flowColumns}

// columns chooses the columns that fit into a width, and lets some grow.
func columns(kind, width int) (chosen []column) {
	all := columnsOf[kind]
	byRank := make([]int, len(all))
	for i := range all {
		byRank[i] = i
	}
	slices.SortStableFunc(byRank, func(a, b int) int { return cmp.Compare(all[a].rank, all[b].rank) })
	room := width - 1 + len(gap) // for the mark; the first column has no gap
	isIn := make([]bool, len(all))
	for _, i := range byRank {
		if need := all[i].width + len(gap); need <= room {
			isIn[i], room = true, room-need
		} else if all[i].rank == 0 && all[i].isText && room > len(gap) { // a narrow name
			isIn[i] = true
			all = slices.Clone(all)
			all[i].width, room = room-len(gap), 0
		}
	}
	for i := range all {
		if isIn[i] {
			chosen = append(chosen, all[i])
		}
	}
	grow(chosen, room)
	return chosen
}

const gap = "  "

// grow gives room to the columns that may grow, a cell each in turn.
func grow(chosen []column, room int) {
	for grew := true; room > 0 && grew; {
		grew = false
		for i := range chosen {
			if c := &chosen[i]; room > 0 && c.width < c.most {
				c.width++
				room--
				grew = true
			}
		}
	}
	for i := range chosen { // the name has the rest
		if c := &chosen[i]; c.rank == 0 && c.isText {
			c.width += max(room, 0)
			return
		}
	}
}

// addressesText returns as many whole addresses as fit, and the number of the others.
func addressesText(text string, width int) string {
	if widthOf(text) <= width {
		return text
	}
	all := strings.Fields(text)
	for n := len(all) - 1; n > 0; n-- {
		if some := strings.Join(all[:n], " ") + " +" + decimal(len(all)-n); widthOf(some) <= width || n == 1 {
			return some
		}
	}
	return text
}
