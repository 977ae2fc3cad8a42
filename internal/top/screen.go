// SPDX-License-Identifier: Apache-2.0

package top

import (
	"fmt"
	"strings"
)

// style is the emphasis of a piece of a line. Without colours only the text remains, which has to suffice.
type style string

const (
	normal   style = ""
	strong   style = "\x1b[1m"
	faint    style = "\x1b[2m"
	inverse  style = "\x1b[7m"
	warning  style = "\x1b[1;33m"
	resetAll       = "\x1b[0m"
)

// canvas gathers the lines of a screen, each cut to its width.
type canvas struct {
	width  int
	colour bool
	lines  []string
}

func (c *canvas) line(s style, text string) {
	text = strings.TrimRight(text, " ")
	if len(text) > c.width {
		text = left(text, c.width)
	}
	if c.colour && s != normal && text != "" {
		if s == inverse {
			text = left(text, c.width)
		}
		text = string(s) + text + resetAll
	}
	c.lines = append(c.lines, text)
}

// ends writes a text at the left and one at the right. If both do not fit, it cuts the left one.
func (c *canvas) ends(s style, leftText, rightText string) {
	if len(rightText)+1 >= c.width {
		c.line(s, rightText)
		return
	}
	c.line(s, left(leftText, c.width-len(rightText)-1)+" "+rightText)
}

// linesAround is the number of lines around a list: two of the header, the names of the lists, the columns; the keys.
const linesAround = 5

func (m *model) listHeight() int { return m.height - linesAround }

// render draws the screen: height lines at most, none wider than the window.
func (m *model) render() []string {
	c := &canvas{width: m.width, colour: m.colour}
	switch {
	case m.help:
		m.drawHelp(c)
	case m.width < 20 || m.height <= linesAround:
		c.line(normal, "window too small")
	default:
		m.drawHeader(c)
		m.drawTabs(c)
		m.drawList(c)
		for len(c.lines) < m.height-1 {
			c.lines = append(c.lines, "")
		}
		m.drawKeys(c)
	}
	return c.lines[:min(len(c.lines), m.height)]
}

func (m *model) drawHeader(c *canvas) {
	s := m.current
	what := strings.TrimSpace("weir top  " + plain(s.summary.Mode))
	if n := len(s.summary.Interfaces); n > 0 {
		names := make([]string, n)
		for i, name := range s.summary.Interfaces {
			names[i] = plain(name)
		}
		what += " on " + strings.Join(names, ", ")
	}
	rate := strings.TrimSpace(scaled(s.rate)) + " B/s"
	if s.rate >= 999.5 {
		rate = scaled(s.rate) + "B/s"
	}
	if c.width >= 60 {
		rate += fmt.Sprintf("  %s packets/s  %s flows", countText(s.packets), grouped(uint64(s.flows)))
	}
	c.ends(strong, what, rate)

	lost := m.losses()
	kind := warning
	if lost == "" {
		lost, kind = "nothing lost", normal
	}
	if s.summary.Sampled > 0 && c.width >= 60 {
		c.ends(kind, lost, fmt.Sprintf("%s of %s packets looked into", grouped(s.summary.Sampled),
			grouped(s.summary.Packets)))
		return
	}
	c.line(kind, lost)
}

// losses describes the losses and their causes; "" for none.
func (m *model) losses() string {
	var all []string
	for _, l := range m.current.summary.Lost {
		if l.Count > 0 {
			all = append(all, grouped(l.Count)+" "+plain(l.What))
		}
	}
	text := ""
	if len(all) > 0 {
		text = "lost: " + strings.Join(all, ", ")
	}
	if n := m.current.evictedFlows; n > 0 {
		text = join(text, grouped(n)+" flows no longer followed here: too many")
	}
	if n := m.current.evictedHosts; n > 0 {
		text = join(text, grouped(n)+" hosts forgotten here: too many")
	}
	return text
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func (m *model) drawTabs(c *canvas) {
	names, first, text := []string{"applications", "protocols", "hosts"}, applications, ""
	if m.inHost() {
		names, first, text = []string{"flows", "applications"}, hostFlows, plain(m.host.String())+" "
		if c.width < 60 {
			c.ends(strong, text+" "+names[m.kind-first], m.mark(c.width))
			return
		}
	}
	if c.width < 60 {
		names = []string{"apps", "protos", "hosts"}
	}
	for i, name := range names {
		if m.kind == first+i {
			text += fmt.Sprintf("[%d %s]", i+1, name)
		} else {
			text += fmt.Sprintf(" %d %s ", i+1, name)
		}
	}
	c.ends(strong, text, m.mark(c.width))
}

// mark returns the notes at the right of the lists' names: what is out of the ordinary.
func (m *model) mark(width int) string {
	l := m.look()
	var all []string
	if m.paused {
		all = append(all, "PAUSED")
	}
	if n := len(m.visible); n > m.listHeight() {
		all = append(all, fmt.Sprintf("%d/%d", l.index+1, n))
	}
	if n := m.current.leftOut; n > 0 && m.kind == hostFlows {
		all = append(all, fmt.Sprintf("+%s less busy", grouped(uint64(n))))
	}
	if l.filter != "" || m.typing {
		filter := "/" + l.filter
		if most := width / 3; len(filter) > most {
			filter = leftTail(filter, most)
		}
		if m.typing {
			filter += "_"
		}
		all = append(all, filter)
	}
	if width >= 60 {
		order := "by " + orderNames[l.order]
		if l.reverse {
			order += ", reversed"
		}
		all = append(all, order)
	}
	return strings.Join(all, "  ")
}

// column is a column of a list. The first column takes the room that the others leave.
type column struct {
	title string
	width int
	drop  int // the highest goes first if the window is too narrow; 0: stays
	order int // the sort order of this column, -1: none
	text  func(*entry) string
}

var (
	rateColumn    = column{"rate", 9, 0, byRate, func(e *entry) string { return rateText(e.rate()) }}
	upColumn      = column{"up", 9, 6, -1, func(e *entry) string { return rateText(e.up) }}
	downColumn    = column{"down", 9, 5, -1, func(e *entry) string { return rateText(e.down) }}
	packetsColumn = column{"packets/s", 9, 4, -1, func(e *entry) string { return countText(e.packets) }}
	totalColumn   = column{"total", 7, 1, byTotal, func(e *entry) string { return bytesText(e.bytes) }}
	flowsColumn   = column{"flows", 6, 2, byFlows, func(e *entry) string { return grouped(uint64(e.flows)) }}
)

var sumColumns = []column{rateColumn, upColumn, downColumn, packetsColumn, totalColumn, flowsColumn}

var flowColumns = []column{
	{"address", -26, 8, -1, func(e *entry) string { return e.address }},
	{"proto", -6, 7, -1, func(e *entry) string { return e.transport }},
	{"protocol", -12, 3, -1, func(e *entry) string { return e.protocol }},
	{"application", -16, 2, -1, func(e *entry) string { return e.application }},
	{"rate", 9, 0, byRate, func(e *entry) string {
		if e.ended {
			return "ended"
		}
		return rateText(e.rate())
	}},
	upColumn, downColumn, packetsColumn, totalColumn,
}

// columns chooses the columns that leave room for the names, and returns the names' width.
func (m *model) columns() (name int, chosen []column) {
	least, all := 16, sumColumns
	switch m.kind {
	case hosts: // an address without its beginning says little
		const longest = 39
		for i := range m.visible {
			least = max(least, min(len(m.visible[i].name), longest))
		}
	case hostFlows:
		least, all = 20, flowColumns
	}
	name = m.width - 1
	for _, c := range all {
		name -= c.space()
	}
	chosen = append(chosen, all...)
	for name < least {
		worst := -1
		for i, c := range chosen {
			if c.drop > 0 && c.order != m.look().order && (worst < 0 || c.drop > chosen[worst].drop) {
				worst = i
			}
		}
		if worst < 0 {
			break
		}
		name += chosen[worst].space()
		chosen = append(chosen[:worst], chosen[worst+1:]...)
	}
	return max(name, 1), chosen
}

// space returns the column's width with the gap before it.
func (c *column) space() int { return max(c.width, -c.width) + 2 }

// cell pads a text: numbers align right, texts (of negative width) left.
func (c *column) cell(text string) string {
	if c.width < 0 {
		return "  " + left(text, -c.width)
	}
	return "  " + right(text, c.width)
}

var nameTitles = [kinds]string{"application", "protocol", "host", "server", "application"}

func (m *model) drawList(c *canvas) {
	name, columns := m.columns()
	line := " " + left(nameTitles[m.kind], name)
	for i := range columns {
		line += columns[i].cell(columns[i].title)
	}
	c.line(strong, line)
	l := m.look()
	for i := l.offset; i < len(m.visible) && i < l.offset+m.listHeight(); i++ {
		e := &m.visible[i]
		mark, look := " ", normal
		switch {
		case i == l.index:
			mark, look = ">", inverse
		case e.ended:
			look = faint
		}
		line := mark + leftTail(e.name, name)
		for j := range columns {
			line += columns[j].cell(columns[j].text(e))
		}
		c.line(look, line)
	}
	if len(m.visible) == 0 {
		c.line(normal, " "+m.emptiness())
	}
}

// emptiness says why a list is empty.
func (m *model) emptiness() string {
	switch {
	case len(m.current.lists[m.kind]) > 0:
		return "nothing matches the filter"
	case m.inHost():
		return "nothing of this host at the moment"
	}
	return "no traffic yet"
}

func (m *model) drawKeys(c *canvas) {
	text := "enter host  s sort  r reverse  / filter  p pause  1-3 tab lists  ? help  q quit"
	switch {
	case m.typing:
		text = "type to filter  enter keep  esc clear"
	case m.inHost():
		text = "esc back  1-2 tab lists  s sort  r reverse  / filter  p pause  ? help  q quit"
	case m.kind != hosts:
		text = "1-3 tab lists  s sort  r reverse  / filter  p pause  ? help  q quit"
	}
	if len(text) > c.width && !m.typing {
		text = "s sort / filter p pause ? help q quit"
	}
	c.line(faint, text)
}

// helpText fits into 40 columns.
var helpText = []string{
	"1 2 3 tab   apps, protocols, hosts",
	"up down k j move; page up, page down",
	"enter       a host's flows, apps",
	"esc         back",
	"s           sort: rate total name flows",
	"r           reverse the order",
	"/           filter: part of a name",
	"            (enter keeps, esc clears)",
	"p space     pause; counting goes on",
	"q ctrl-c    quit",
	"",
	"Rates: mean of the last 5 seconds.",
	"Totals: since the start.",
	"Host: the client of its flows;",
	"up is from it, down is to it.",
	"name?   a guess: by port, by address",
	"        or by a DNS answer",
	"[name]  application unknown: protocol",
	"\\xNN    byte that is no plain ASCII",
	"~       cut off here",
}

func (m *model) drawHelp(c *canvas) {
	c.line(strong, "weir top: up, down; others go back")
	for _, text := range helpText[min(m.helpOffset, max(len(helpText)-m.height+1, 0)):] {
		c.line(normal, text)
	}
}

// helpKey scrolls the help, or leaves it.
func (m *model) helpKey(name string) {
	switch name {
	case "up", "k":
		m.helpOffset = max(m.helpOffset-1, 0)
	case "down", "j":
		m.helpOffset = min(m.helpOffset+1, max(len(helpText)-m.height+1, 0))
	default:
		m.help, m.helpOffset = false, 0
		m.quit = name == "q"
	}
}
