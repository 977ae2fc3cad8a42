// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The columns of the table of flows.
const (
	protoColumn = iota
	clientColumn
	serverColumn
	directionColumn
	protocolColumn
	applicationColumn
	bytesColumn
	hostColumn
	columns
)

// gap separates two columns.
const gap = "  "

// widths are the columns' widths; 0 omits a column. The last column, the host, is unbounded if the table has no width.
type widths [columns]int

// widestEnd is the width of an IPv6 address of full length with its port.
const widestEnd = len("[2001:db8:1111:2222:3333:4444:5555:6666]:12345")

// usual is the expected width of later rows: columns keep their widths once the header is written.
var usual = widths{protoColumn: 6, clientColumn: 21, serverColumn: 21, protocolColumn: 9, applicationColumn: 12,
	bytesColumn: 7}

// narrowing lists what to cut on a narrow terminal, the least important first. Numbers are never cut.
var narrowing = []struct{ column, width int }{
	{hostColumn, 16}, {applicationColumn, 12}, {directionColumn, 0}, {clientColumn, 21}, {serverColumn, 21},
	{hostColumn, 0},
	{applicationColumn, 8}, {protocolColumn, 6}, {clientColumn, 15}, {serverColumn, 15}, {applicationColumn, 0},
	{protoColumn, 4},
	{clientColumn, 7}, {serverColumn, 7},
}

// fit sets the columns' widths for rows, together at most the terminal's width; 0 means unbounded. With more, other
// rows follow.
func fit(rows [][columns]string, width int, more bool) (w widths) {
	for _, row := range rows {
		for i, text := range row {
			w[i] = max(w[i], utf8.RuneCountInString(text))
		}
	}
	if width == 0 {
		return w
	}
	if more {
		for i := range w {
			w[i] = max(w[i], usual[i])
		}
	}
	for _, n := range narrowing {
		if over := w.total() - width; over > 0 {
			w.narrow(n.column, over, n.width)
		}
	}
	if more && w[hostColumn] > 0 { // the rest goes to the host, and to ends that may be longer
		const wantedHost = 32
		w[hostColumn] += max(width-w.total(), 0)
		for _, column := range []int{clientColumn, serverColumn} {
			spare := min(max(w[hostColumn]-wantedHost, 0), max(widestEnd-w[column], 0))
			w[column] += spare
			w[hostColumn] -= spare
		}
	}
	return w
}

// narrow shrinks a column by the excess, down to least. It omits a column that would be too narrow to be useful, with
// its gap.
func (w *widths) narrow(column, over, least int) {
	const readable = 4
	if w[column] > least {
		w[column] = max(w[column]-over, least)
	}
	if w[column] < readable {
		w[column] = 0
	}
}

// total returns the width of a line.
func (w *widths) total() (sum int) {
	for _, n := range w {
		if n > 0 {
			sum += n + len(gap)
		}
	}
	return sum - len(gap)
}

// line formats a row. It cuts a text wider than its column, and marks the cut; with grow it widens the column instead.
func (w *widths) line(row [columns]string, grow bool) string {
	var line strings.Builder
	for i, text := range row {
		n := utf8.RuneCountInString(text)
		if n > w[i] && grow && w[i] > 0 {
			w[i] = n
		}
		switch {
		case w[i] == 0:
			continue
		case i == bytesColumn: // numbers align right, and are whole
			fmt.Fprintf(&line, "%*s"+gap, w[i], text)
		case i == clientColumn, i == serverColumn:
			fmt.Fprintf(&line, "%-*s"+gap, w[i], cutMiddle(text, w[i]))
		default:
			fmt.Fprintf(&line, "%-*s"+gap, w[i], cutEnd(text, w[i]))
		}
	}
	return strings.TrimRight(line.String(), " ")
}

// cutEnd keeps the beginning of a text that is wider than width, and marks the cut.
func cutEnd(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	r := []rune(text)
	return string(r[:max(width-1, 0)]) + "…"
}

// cutMiddle keeps the beginning and the end of an address that is wider than width: its network and its port.
func cutMiddle(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	tail := max(width-1, 0) / 2
	return string(r[:max(width-1-tail, 0)]) + "…" + string(r[len(r)-tail:])
}
