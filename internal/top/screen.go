// SPDX-License-Identifier: Apache-2.0

package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/tally"
)

// style is the emphasis of a piece of a line, by SGR sequences of ECMA-48. Without colours only the text remains, which
// has to suffice.
type style string

const (
	normal   style = ""
	strong   style = "\x1b[1m"
	faint    style = "\x1b[2m"
	inverse  style = "\x1b[7m"
	green    style = "\x1b[32m"
	cyan     style = "\x1b[36m"
	warning  style = "\x1b[1;33m"
	resetAll       = "\x1b[0m"
)

// theme says what the terminal can show.
type theme struct {
	colour bool
	ascii  bool // nothing else is certain
}

// text returns a text of the network as it is shown.
func (t theme) text(text string) string { return shown(text, t.ascii) }

// canvas gathers the lines of a screen, each cut to its width.
type canvas struct {
	width  int
	colour bool
	lines  []string
	b      strings.Builder
	used   int
	base   style // unless normal, of the whole line
}

// add writes a piece of the present line, as far as there is room.
func (c *canvas) add(s style, text string) {
	if n := widthOf(text); n > c.width-c.used {
		text = left(text, c.width-c.used)
	}
	c.used += widthOf(text)
	if c.base != normal {
		s = c.base
	}
	if c.colour && s != normal && text != "" {
		text = string(s) + text + resetAll
	}
	c.b.WriteString(text)
}

// end ends the present line.
func (c *canvas) end() {
	if c.base == inverse && c.colour {
		c.add(inverse, strings.Repeat(" ", c.width-c.used))
	}
	c.lines = append(c.lines, strings.TrimRight(c.b.String(), " "))
	c.b.Reset()
	c.used, c.base = 0, normal
}

func (c *canvas) line(s style, text string) {
	c.add(s, strings.TrimRight(text, " "))
	c.end()
}

// fill leaves room for a text of this width at the end of the line, and reports whether there is any.
func (c *canvas) fill(width int) bool {
	room := c.width - c.used - width
	if width == 0 || room < 1 {
		return false
	}
	c.add(normal, strings.Repeat(" ", room))
	return true
}

// The least and the usual size of the graph, and the least height of a screen that has one.
const (
	leastGraph  = 3
	tallScreen  = 16
	leastHeight = 6
	leastWidth  = 20
	leastPanel  = 4 // of the flows below a list, with their titles
)

// layout is how a screen's lines are used.
type layout struct {
	graph, list, panel int // lines; the panel's with its titles
	panelMost          int // flows to ask for
	points, spark      int // columns of the graph and of a sparkline
}

func (m *model) isTall() bool { return m.height >= tallScreen }

// layout gives each part of the screen its lines. What the list and the flows don't need is the graph's.
func (m *model) layout() (a layout) {
	a.points = max(m.width-2, 1)
	for _, c := range columns(m.kind, m.width) {
		if c.most == sparkMost && c.order < 0 && c.title == sparkTitle {
			a.spark = c.width
		}
	}
	const around = 4 // header, lists, titles, keys
	body := m.height - around
	if m.losses() != "" {
		body--
	}
	if !m.isTall() {
		a.list = max(body, 0)
		return a
	}
	body -= 4 // second line of the header, the graph's legend, the scope, details
	a.graph = max(m.height/6, leastGraph)
	body -= a.graph
	a.list = max(min(m.reserved[0], body), 1)
	if m.kind != flows && body >= 2*leastPanel {
		a.panelMost = body
		a.list = min(a.list, body-max(leastPanel, body/3))
		a.panel = min(max(m.reserved[1], 1)+1, body-a.list)
		a.list = min(max(m.reserved[0], 1), body-a.panel)
	}
	a.graph += max(body-a.list-a.panel, 0)
	return a
}

// render draws the screen: height lines at most, none wider than the window.
func (m *model) render() []string {
	c := &canvas{width: m.width, colour: m.style.colour}
	switch {
	case m.width < leastWidth || m.height < leastHeight:
		c.line(normal, "window too small")
	case m.help:
		m.drawPage(c, "weir top", helpText)
	case m.why != nil:
		m.drawPage(c, m.style.text(m.why.title), m.wrapped(m.why.lines))
	default:
		m.drawLists(c)
	}
	return c.lines[:min(len(c.lines), m.height)]
}

func (m *model) drawLists(c *canvas) {
	a := m.layout()
	m.drawHeader(c)
	if a.graph > 0 {
		m.drawGraph(c, a)
	}
	m.drawTabs(c)
	if m.isTall() {
		m.drawScope(c)
	}
	l := m.look()
	m.drawList(c, m.kind, m.current.list, l.offset, a.list, l.index)
	if a.panel > 0 {
		m.drawList(c, flows, m.current.flows, 0, a.panel-1, -1)
	}
	for len(c.lines) < m.height-2 {
		c.end()
	}
	if m.isTall() {
		m.drawDetail(c)
	}
	for len(c.lines) < m.height-1 {
		c.end()
	}
	m.drawKeys(c)
}

// source says whose traffic the screen shows.
func (m *model) source() string {
	s := &m.current.summary
	text := strings.TrimSpace(m.style.text(s.Mode))
	if n := len(s.Interfaces); n > 0 {
		names := make([]string, n)
		for i, name := range s.Interfaces {
			names[i] = m.style.text(name)
		}
		text += " on " + strings.Join(names, ", ")
	}
	if s.Joined {
		text = strings.TrimSpace("joined the running weir (" + ageText(s.Running) + ")  " + text)
	}
	return text
}

func (m *model) drawHeader(c *canvas) {
	s := m.current
	rate := m.fullRate(s.up + s.down)
	if !m.isTall() {
		c.add(strong, rate)
		notes := m.notes()
		live := grouped(uint64(s.live)) + " flows"
		if notes != "" {
			live = notes
		}
		if spare := c.width - widthOf(rate) - widthOf(live) - 4; spare >= 8 && len(s.graph) > 0 {
			graph := m.points(min(spare, 60))
			c.add(normal, gap)
			c.add(green, spark(graph, m.style.ascii))
		}
		if c.fill(widthOf(live)) {
			c.add(m.noteStyle(), live)
		}
		c.end()
		m.drawLosses(c)
		return
	}
	c.add(strong, "weir top")
	notes := m.notes()
	c.add(faint, left(gap+m.source(), c.width-c.used-len(notes)-1))
	if notes != "" && c.fill(len(notes)) {
		c.add(warning, notes)
	}
	c.end()
	c.add(strong, rate)
	if s.up > 0 && s.down > 0 && len(m.scope) > 0 || !m.current.summary.isOwn() {
		c.add(normal, gap+"up "+m.fullRate(s.up)+gap+"down "+m.fullRate(s.down))
	}
	text := fmt.Sprintf("%s packets/s  %s flows", countText(s.packets), grouped(uint64(s.live)))
	if s.summary.Sampled > 0 && c.width >= 100 {
		text = grouped(s.summary.Sampled) + " of " + grouped(s.summary.Packets) + " packets looked into  " + text
	}
	if c.fill(len(text)) {
		c.add(normal, text)
	}
	c.end()
	m.drawLosses(c)
}

func (s *Summary) isOwn() bool { return !s.Joined }

func (m *model) notes() string {
	text := ""
	if m.current.summary.Ended {
		text = "weir has ended"
	}
	if m.paused {
		text = strings.TrimSpace("PAUSED " + text)
	}
	return text
}

func (m *model) noteStyle() style {
	if m.notes() != "" {
		return warning
	}
	return normal
}

func (m *model) drawLosses(c *canvas) {
	if lost := m.losses(); lost != "" {
		c.line(warning, lost)
	}
}

// losses describes the losses and their causes; "" for none.
func (m *model) losses() string {
	var all []string
	for _, l := range m.current.summary.Lost {
		if l.Count > 0 {
			all = append(all, grouped(l.Count)+" "+m.style.text(l.What))
		}
	}
	text := ""
	if len(all) > 0 {
		text = "lost: " + strings.Join(all, ", ")
	}
	for _, x := range []struct {
		n    uint64
		what string
	}{
		{m.current.summary.Missed, "records missed: this terminal was too slow"},
		{m.current.evictedFlows, "flows no longer followed here: too many"},
		{m.current.evictedRows, "lines forgotten here: too many"},
	} {
		if x.n > 0 && text != "" {
			text += "; "
		}
		if x.n > 0 {
			text += grouped(x.n) + " " + x.what
		}
	}
	return text
}

// points returns the graph in so many columns, of those that the snapshot has.
func (m *model) points(n int) []float64 {
	all, some := m.current.graph, make([]float64, n)
	if len(all) == 0 {
		return some
	}
	for i := range some {
		from, to := i*len(all)/n, max((i+1)*len(all)/n, i*len(all)/n+1)
		for _, v := range all[from:min(to, len(all))] {
			some[i] = max(some[i], v)
		}
	}
	return some
}

var spanTexts = [...]string{tally.FiveMinutes: "5 min", tally.Hour: "1 hour"}

func (m *model) drawGraph(c *canvas, a layout) {
	rates := m.points(a.points)
	for _, text := range area(rates, a.graph, m.style.ascii) {
		c.add(normal, " ")
		c.line(green, text)
	}
	peak := "peak " + m.fullRate(slices.Max(rates))
	c.add(faint, " "+spanTexts[m.span]+" ago")
	if room := (c.width-len(peak))/2 - c.used; room > 0 {
		c.add(normal, strings.Repeat(" ", room))
		c.add(faint, peak)
	}
	if c.fill(len("now ")) {
		c.add(faint, "now ")
	}
	c.end()
}

// tabNames are the names of the lists, long and short.
var tabNames = [2][kinds]string{
	{"applications", "protocols", "categories", "devices", "hosts", "destinations", "flows"},
	{"apps", "proto", "cat", "dev", "hosts", "dest", "flows"},
}

func (m *model) drawTabs(c *canvas) {
	if !m.isTall() && (m.typing || len(m.scope) > 0) {
		m.drawScope(c)
		return
	}
	switch {
	case c.width >= 100:
		m.addTabs(c, tabNames[0])
	case c.width >= 60:
		m.addTabs(c, tabNames[1])
	default:
		c.add(inverse, tabNames[0][m.kind])
		c.add(faint, fmt.Sprintf(" %d/%d", m.kind+1, kinds))
	}
	marks := m.mark()
	for len(marks) > 0 && len(strings.Join(marks, gap)) >= c.width-c.used {
		marks = marks[:len(marks)-1]
	}
	if text := strings.Join(marks, gap); c.fill(len(text)) {
		c.add(faint, text)
	}
	c.end()
}

func (m *model) addTabs(c *canvas, names [kinds]string) {
	for i, name := range names {
		switch {
		case i != m.kind:
			c.add(faint, fmt.Sprintf(" %d ", i+1))
			c.add(normal, name+" ")
		case c.colour:
			c.add(inverse, fmt.Sprintf(" %d %s ", i+1, name))
		default:
			c.add(normal, fmt.Sprintf("[%d %s]", i+1, name))
		}
	}
}

// mark returns the notes at the right of the lists' names, the most important first.
func (m *model) mark() (all []string) {
	if n := len(m.current.list); n > m.layout().list {
		all = append(all, fmt.Sprintf("%d/%d", m.look().index+1, n))
	}
	if n := m.current.leftOut; n > 0 {
		all = append(all, "+"+grouped(uint64(n))+" less")
	}
	order := orderNames[m.look().order]
	if m.kind == flows && m.look().order == byFlows {
		order = "age"
	}
	if m.look().reverse {
		order += ", reversed"
	}
	return append(all, "by "+order)
}

// crumbs returns the scope, from its first condition to its last.
func (m *model) crumbs() string {
	separator := " › "
	if m.style.ascii {
		separator = " > "
	}
	text := "all traffic"
	for _, s := range m.scope {
		text += separator + m.style.text(s.text)
	}
	return text
}

func (m *model) drawScope(c *canvas) {
	switch {
	case m.typing:
		typed := m.style.text(m.typed)
		c.add(strong, "/"+leftTail(typed, min(c.width-3, widthOf(typed))))
		c.add(inverse, "_")
		if m.mistake != "" {
			c.add(warning, gap+m.style.text(m.mistake))
		}
	case len(m.scope) == 0:
		c.add(faint, m.crumbs())
	default:
		text := m.crumbs()
		c.add(strong, strings.TrimRight(leftTail(text, min(c.width, widthOf(text))), " "))
	}
	c.end()
}

// drawList draws the titles and some lines of a list.
func (m *model) drawList(c *canvas, kind int, list []entry, offset, height, chosen int) {
	m.busiest = 0
	for i := range list {
		m.busiest = max(m.busiest, list[i].rate())
	}
	all := columns(kind, m.width)
	c.add(normal, " ")
	for i := range all {
		title, s := all[i].title, faint
		if title == sparkTitle && m.span == tally.Hour {
			title = "last hour"
		}
		if kind == m.kind && all[i].order == m.look().order {
			s = strong
		}
		m.cell(c, &all[i], i, s, title)
	}
	c.end()
	for i := offset; i < len(list) && i < offset+height; i++ {
		e := &list[i]
		switch {
		case i == chosen && chosen >= 0:
			c.base = inverse
			c.add(inverse, ">")
		case e.ended:
			c.base = faint
			c.add(faint, " ")
		default:
			c.add(normal, " ")
		}
		for j := range all {
			m.cell(c, &all[j], j, all[j].style, all[j].text(m, e, all[j].width))
		}
		c.end()
	}
	if len(list) == 0 && height > 0 {
		c.line(faint, " "+m.emptiness())
		height--
	}
	for range height - max(len(list)-offset, 0) {
		c.end()
	}
}

// cell draws a cell: numbers align right, texts left.
func (m *model) cell(c *canvas, col *column, i int, s style, text string) {
	if i > 0 {
		c.add(normal, gap)
	}
	switch {
	case !col.isText:
		c.add(s, right(text, col.width))
	case col.isTail:
		c.add(s, leftTail(text, col.width))
	default:
		c.add(s, left(text, col.width))
	}
}

// emptiness says why a list is empty.
func (m *model) emptiness() string {
	if len(m.scope) > 0 {
		return "no flow of these is remembered"
	}
	return "no traffic yet"
}

// drawDetail draws what the line of the selected entry has no room for.
func (m *model) drawDetail(c *canvas) {
	e := m.chosen()
	if e == nil {
		c.end()
		return
	}
	text := ""
	if f := e.flow; f != nil {
		text = fmt.Sprintf("#%s  %s > %s  up %s, down %s", hexText(f.ID), f.Client.Addr, f.Server.Addr,
			bytesText(e.bytes.Bytes[0]), bytesText(e.bytes.Bytes[1]))
	} else {
		parts := []string{e.name, e.vendor, e.addresses}
		if m.kind == devicesList && e.key != e.name && !strings.Contains(e.addresses, e.key) {
			parts[1] = cmp.Or(e.key+" "+e.vendor, e.vendor)
		}
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		text = strings.Join(parts, gap) + fmt.Sprintf("  up %s, down %s", bytesText(e.bytes.Bytes[0]),
			bytesText(e.bytes.Bytes[1]))
	}
	c.line(faint, " "+m.style.text(text))
}

func (m *model) drawKeys(c *canvas) {
	var texts []string
	switch {
	case m.typing:
		texts = []string{"a filter such as app:youtube OR port:443  enter apply  esc cancel", "enter apply  esc cancel"}
	case m.kind == flows:
		texts = []string{
			"w why  esc back  1-7 tab lists  s sort  r reverse  / filter  b bits  t hour  p pause  ? help  q quit",
			"w why  1-7 lists  s sort  / filter  b bits  t hour  p pause  ? help  q", "w why  / filter  ? help  q quit"}
	default:
		texts = []string{
			"enter open  esc back  1-7 tab lists  s sort  r reverse  / filter  b bits  t hour  p pause  ? help  q quit",
			"enter open  1-7 lists  s sort  / filter  b bits  t hour  p pause  ? help  q",
			"enter  / filter  ? help  q quit"}
	}
	text := texts[len(texts)-1]
	for _, t := range texts {
		if len(t) <= c.width {
			text = t
			break
		}
	}
	c.line(faint, text)
}

// helpText fits into 40 columns.
var helpText = []string{
	"1-7 tab     the lists",
	"up down k j move; page up, page down",
	"enter       open: the lists of this line",
	"esc         back to where it was opened",
	"w           why a flow has its names",
	"s           sort: rate total name flows",
	"            (of flows: age)",
	"r           reverse the order",
	"/           filter: app:youtube port:443",
	"            @laptop NOT bytes<10k …",
	"            (docs/FILTER.md)",
	"b           bits or bytes a second",
	"t           5 minutes or an hour",
	"p space     pause; counting goes on",
	"q ctrl-c    quit",
	"",
	"Rates: mean of the last 5 seconds.",
	"Totals: since the start; of a joined",
	"weir also of the hour before it. What is",
	"opened or filtered adds up the flows",
	"remembered: all living ones, and those",
	"that ended in the last 5 minutes.",
	"Device: the flow's end in the LAN, else",
	"its client. up is from it, down to it.",
	"name?   a guess: by port, by address",
	"        or by a DNS answer",
	"[name]  application unknown: protocol",
	"\\xNN    byte that is not shown as it is",
	"~       cut off here",
}

// drawPage draws a text that can be scrolled.
func (m *model) drawPage(c *canvas, title string, lines []string) {
	m.offset = min(m.offset, max(len(lines)-m.height+2, 0))
	c.line(strong, title)
	for _, text := range lines[m.offset:min(len(lines), m.offset+m.height-2)] {
		if m.style.ascii {
			text = strings.ReplaceAll(text, "…", "...")
		}
		c.line(normal, text)
	}
	for len(c.lines) < m.height-1 {
		c.end()
	}
	c.line(faint, "up, down scroll; other keys go back")
}

// mostOfLine bounds the bytes of a line of an explanation.
const mostOfLine = 2048

// wrapped breaks lines at spaces.
func (m *model) wrapped(lines []string) (all []string) {
	for _, line := range lines {
		text := m.style.text(line[:min(len(line), mostOfLine)])
		for widthOf(text) > m.width {
			cut := len(strings.TrimSuffix(left(text, m.width+1), "~"))
			cut = min(cut, len(text))
			if i := strings.LastIndexByte(text[:cut], ' '); i > m.width/3 {
				all, text = append(all, text[:i]), "  "+strings.TrimLeft(text[i:], " ")
			} else {
				all, text = append(all, text[:cut]), "  "+text[cut:]
			}
		}
		all = append(all, text)
	}
	return all
}
