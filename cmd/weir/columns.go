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

// gap stands between two columns.
const gap = "  "

// widths are how wide the columns are; a width of 0 leaves its column out. The last column, the host, is as wide as it
// wants where the table has no width.
type widths [columns]int

// widestEnd is an IPv6 address of full length with its port.
const widestEnd = len("[2001:db8:1111:2222:3333:4444:5555:6666]:12345")

// usual is what rows that come later may want: columns keep their widths once the header is written.
var usual = widths{protoColumn: 6, clientColumn: 21, serverColumn: 21, protocolColumn: 9, applicationColumn: 12,
	bytesColumn: 7}

// narrowing is what gives way on a narrow terminal, the least important first. The numbers are never cut.
var narrowing = []struct{ column, width int }{
	{hostColumn, 16}, {applicationColumn, 12}, {directionColumn, 0}, {clientColumn, 21}, {serverColumn, 21},
	{hostColumn, 0},
	{applicationColumn, 8}, {protocolColumn, 6}, {clientColumn, 15}, {serverColumn, 15}, {applicationColumn, 0},
	{protoColumn, 4},
	{clientColumn, 7}, {serverColumn, 7},
}

// fit makes the columns as wide as rows want, but not wider together than the terminal; width 0 has no end. With more,
// other rows come later.
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
	if more && w[hostColumn] > 0 { // what is left over goes to the host, and to ends that may be longer
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

// narrow takes from a column what is too much, down to least. A column too narrow to say anything is left out, with its
// gap.
func (w *widths) narrow(column, over, least int) {
	const readable = 4
	if w[column] > least {
		w[column] = max(w[column]-over, least)
	}
	if w[column] < readable {
		w[column] = 0
	}
}

// total is how wide a line is.
func (w *widths) total() (sum int) {
	for _, n := range w {
		if n > 0 {
			sum += n + len(gap)
		}
	}
	return sum - len(gap)
}

// line writes a row. What is wider than its column is cut, and the cut is marked; with grow the column becomes wider
// instead.
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
		case i == bytesColumn: // numbers stand at the right, and are whole
			fmt.Fprintf(&line, "%*s"+gap, w[i], text)
		case i == clientColumn, i == serverColumn:
			fmt.Fprintf(&line, "%-*s"+gap, w[i], cutMiddle(text, w[i]))
		default:
			fmt.Fprintf(&line, "%-*s"+gap, w[i], cutEnd(text, w[i]))
		}
	}
	return strings.TrimRight(line.String(), " ")
}

// cutEnd keeps the begin of a text that is wider than width, and marks the cut.
func cutEnd(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	r := []rune(text)
	return string(r[:max(width-1, 0)]) + "…"
}

// cutMiddle keeps the begin and the end of an address that is wider than width: its network and its port.
func cutMiddle(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	tail := max(width-1, 0) / 2
	return string(r[:max(width-1-tail, 0)]) + "…" + string(r[len(r)-tail:])
}
