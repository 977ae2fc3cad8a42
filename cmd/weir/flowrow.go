// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// The columns of the table of weir flows.
const (
	timeCell = iota
	markCell
	clientCell
	serverCell
	protocolCell
	applicationCell
	sentCell
	receivedCell
	idCell
	hostCell
	cells
)

var flowsHeader = [cells]string{"time", "", "client", "server", "protocol", "application", "sent", "received",
	"id", "host"}

// idShown is the number of an id's digits that a line shows: weir explain takes them.
const idShown = 8

// cellWidths returns the columns' widths on a terminal; 0 leaves a column out. The last one has the rest. Without a
// terminal (width 0) they are the least ones.
func cellWidths(width int) (w [cells]int) {
	w = [cells]int{timeCell: 12, markCell: 1, clientCell: 21, serverCell: 21, protocolCell: 9, applicationCell: 14,
		sentCell: 7, receivedCell: 8, idCell: idShown, hostCell: 20}
	if width == 0 {
		return w
	}
	for _, n := range []struct{ cell, width int }{ // the least important first
		{hostCell, 16}, {idCell, 0}, {applicationCell, 10}, {timeCell, 8}, {clientCell, 15}, {serverCell, 15},
		{sentCell, 0}, {hostCell, 0}, {applicationCell, 0}, {clientCell, 10}, {serverCell, 10}, {protocolCell, 7},
		{receivedCell, 0},
	} {
		switch over := widthOf(&w) - width; {
		case over <= 0:
		case n.width == 0:
			w[n.cell] = 0
		default:
			w[n.cell] = max(w[n.cell]-over, n.width)
		}
	}
	if spare := width - widthOf(&w); spare > 0 && w[hostCell] > 0 {
		for _, cell := range []int{clientCell, serverCell} { // a third each, and at most an IPv6 address's
			more := min(spare/3, widestEnd-w[cell])
			w[cell] += more
		}
		w[hostCell] += width - widthOf(&w)
	}
	return w
}

func widthOf(w *[cells]int) (sum int) {
	for _, n := range w {
		if n > 0 {
			sum += n + 1
		}
	}
	return sum - 1
}

// tableRow formats a row: cut to the terminal, whole elsewhere.
func tableRow(row, colours [cells]string, width int) string {
	w := cellWidths(width)
	var b strings.Builder
	for i, text := range row {
		if w[i] > 0 {
			writeCell(&b, i, text, w[i], width > 0, colours[i])
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// writeCell writes a text in its width, with a space after it.
func writeCell(b *strings.Builder, cell int, text string, width int, cut bool, colour string) {
	switch {
	case !cut:
	case cell == clientCell || cell == serverCell:
		text = cutMiddle(text, width)
	default:
		text = cutEnd(text, width)
	}
	padding := strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
	if cell == sentCell || cell == receivedCell {
		b.WriteString(padding)
		padding = ""
	}
	if colour != "" && text != "" {
		text = colour + text + plain
	}
	b.WriteString(text)
	b.WriteString(padding)
	b.WriteByte(' ')
}

// appendRow appends a row of the table.
func (l *flowLines) appendRow(f *record.Flow, b []byte) []byte {
	protocol, application := what(f)
	if protocol == "" {
		protocol = packet.ProtoName(f.Proto)
	}
	host := string(appendRisks([]byte(printable(f.Hostname)), f))
	w := cellWidths(l.width)
	const clock = "15:04:05.000"
	row := [cells]string{eventTime(f).Format(clock[:min(w[timeCell], len(clock))]), marks[f.State],
		l.end(&f.Client), l.end(&f.Server), protocol, application, bytesText(f.Client.Bytes), bytesText(f.Server.Bytes),
		string(f.ID[:idShown]), strings.TrimLeft(host, " ")}
	var colours [cells]string
	if l.colour {
		colours = [cells]string{timeCell: dim, idCell: dim, markCell: markColours[f.State], protocolCell: cyan,
			applicationCell: bold}
		if f.Risks != 0 {
			colours[hostCell] = red
		}
	}
	return append(b, tableRow(row, colours, l.width)...)
}
