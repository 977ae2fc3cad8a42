// SPDX-License-Identifier: Apache-2.0

package top

import (
	"slices"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/match"
	"github.com/weirnet/weir/internal/tally"
)

// The lists: those by a criterion have its number, the flows come last.
const (
	applications     = int(tally.ByApplication)
	protocols        = int(tally.ByProtocol)
	categories       = int(tally.ByCategory)
	devicesList      = int(tally.ByDevice)
	hostsList        = int(tally.ByHost)
	destinationsList = int(tally.ByDestination)
	flows            = int(tally.Criteria)
	kinds            = flows + 1
)

// Sort orders, in the sequence of the key s.
const (
	byRate = iota
	byTotal
	byName
	byFlows // of flows: by age
	orders
)

var orderNames = [orders]string{"rate", "total", "name", "flows"}

// look is the state of one list's display.
type look struct {
	order    int
	reverse  bool
	selected string // key of the selected line; "": the first, whatever it is
	index    int    // of the selected line
	offset   int    // index of the first line on the screen
}

// level of a drill-down: what was on the screen before a condition was added.
type step struct {
	kind  int
	looks [kinds]look
}

// model is the state of the screen. Only keys, snapshots and sizes change it; it knows no terminal.
type model struct {
	width, height int
	style         theme

	kind  int // the visible list
	looks [kinds]look
	scope []condition
	steps []step // one for each condition
	span  tally.Span
	bytes bool // rates are in bytes, not bits

	help     bool
	why      *answer // what the screen shows instead of the lists
	offset   int     // of help, or of why
	typing   bool    // the user is typing a filter
	typed    string
	mistake  string // of the typed filter
	paused   bool
	quit     bool
	asks     string // id of the flow that the user wants explained, until it is asked for
	asked    string // id of the flow of why
	current  *snapshot
	busiest  float64 // rate of the list that is being drawn
	reserved [2]int  // lines of the list and of the flows below: what they once had they keep, so that little moves

	// read answers a query; freeze makes it answer by the present state until it is called again.
	read   func(*query) *snapshot
	freeze func(bool)
	called match.Names
}

// answer explains a flow.
type answer struct {
	title string
	lines []string
}

func newModel(width, height int, style theme, v *View) *model {
	m := &model{width: width, height: height, style: style, current: &snapshot{}, read: v.read, freeze: v.freeze,
		called: v.isCalled}
	m.refresh()
	return m
}

// refresh reads what the screen shows.
func (m *model) refresh() {
	l, a := m.look(), m.layout()
	m.current = m.read(&query{kind: m.kind, scope: m.scope, order: l.order, reverse: l.reverse, span: m.span,
		most: a.panelMost, points: a.points, spark: max(a.spark, 1)})
	m.arrange()
}

// changed refreshes after the list or its scope changed.
func (m *model) changed() {
	m.reserved = [2]int{}
	m.refresh()
}

func (m *model) resize(width, height int) {
	m.width, m.height = min(max(width, 1), maxWidth), min(max(height, 1), maxHeight)
	m.changed()
}

// The bounds of a screen: a terminal may claim any size.
const (
	maxWidth  = 1000
	maxHeight = 500
)

func (m *model) look() *look { return &m.looks[m.kind] }

// arrange finds the selected line again.
func (m *model) arrange() {
	l := m.look()
	m.reserved[0] = max(m.reserved[0], len(m.current.list))
	m.reserved[1] = max(m.reserved[1], len(m.current.flows))
	if l.selected == "" {
		l.index = 0
	} else if i := slices.IndexFunc(m.current.list, func(e entry) bool { return e.key == l.selected }); i >= 0 {
		l.index = i
	}
	m.scroll()
}

// scroll keeps the selected line on the screen.
func (m *model) scroll() {
	l, rows, n := m.look(), max(m.layout().list, 1), len(m.current.list)
	l.index = max(min(l.index, n-1), 0)
	l.offset = min(l.offset, l.index, max(n-rows, 0))
	l.offset = max(l.offset, l.index-rows+1, 0)
}

// moveTo selects the line at an index.
func (m *model) moveTo(index int) {
	l := m.look()
	l.index = index
	m.scroll()
	l.selected = ""
	if index > 0 && len(m.current.list) > 0 {
		l.selected = m.current.list[l.index].key
	}
}

// chosen returns the selected line, or nil.
func (m *model) chosen() *entry {
	if i := m.look().index; i < len(m.current.list) {
		return &m.current.list[i]
	}
	return nil
}

// key handles a key by its name; text is what it would write, if anything.
func (m *model) key(name, text string) {
	switch {
	case name == "ctrl+c":
		m.quit = true
	case m.typing:
		m.typeFilter(name, text)
	case m.help || m.why != nil:
		m.pageKey(name)
	default:
		m.command(name)
	}
}

func (m *model) typeFilter(name, text string) {
	switch name {
	case "enter":
		m.filter()
		return
	case "esc":
		m.typing = false
	case "backspace", "ctrl+h":
		if m.typed == "" {
			m.typing = false
		}
		_, n := utf8.DecodeLastRuneInString(m.typed)
		m.typed = m.typed[:len(m.typed)-n]
	case "ctrl+u":
		m.typed = ""
	default:
		for _, r := range text {
			if isShown(r) && len(m.typed)+utf8.RuneLen(r) <= filter.MaxLength {
				m.typed += string(r)
			}
		}
	}
	m.mistake = ""
}

// lastFilter reports whether the scope's last condition is a filter, which typing changes.
func (m *model) lastFilter() bool {
	return len(m.scope) > 0 && m.scope[len(m.scope)-1].filter != nil
}

// filter adds the typed filter to the scope, or says what is wrong with it.
func (m *model) filter() {
	expr, err := filter.Parse(m.typed)
	var is match.Filter
	if err == nil {
		is, err = match.Compile(expr, "", m.called)
	}
	if err != nil {
		m.mistake = err.Error()
		return
	}
	m.typing, m.mistake = false, ""
	if m.lastFilter() {
		m.pop()
	}
	if expr != nil {
		m.push(condition{filter: is, text: filter.String(expr)}, m.kind)
	}
	m.changed()
}

// push adds a condition and shows a list under it.
func (m *model) push(c condition, kind int) {
	m.steps = append(m.steps, step{m.kind, m.looks})
	m.scope = append(slices.Clip(m.scope), c)
	m.looks, m.kind = [kinds]look{}, kind
}

// pop removes the last condition, and shows what was there before it.
func (m *model) pop() {
	last := len(m.steps) - 1
	m.kind, m.looks = m.steps[last].kind, m.steps[last].looks
	m.steps, m.scope = m.steps[:last], m.scope[:last]
}

func (m *model) command(name string) {
	l := m.look()
	switch name {
	case "q", "Q":
		m.quit = true
	case "?", "h":
		m.help, m.offset = true, 0
	case "p", "space", " ":
		m.paused = !m.paused
		m.freeze(m.paused)
		m.refresh()
	case "/":
		m.typing, m.typed, m.mistake = true, "", ""
		if m.lastFilter() {
			m.typed = m.scope[len(m.scope)-1].text
		}
	case "s":
		l.order = (l.order + 1) % orders
		m.refresh()
	case "r":
		l.reverse = !l.reverse
		m.refresh()
	case "b":
		m.bytes = !m.bytes
	case "t":
		m.span = tally.Hour - m.span
		m.refresh()
	case "w":
		m.explain()
	case "enter", "right", "l":
		m.enter()
	case "esc", "backspace", "left":
		if len(m.scope) > 0 {
			m.pop()
			m.changed()
		}
	case "tab", "shift+tab", "1", "2", "3", "4", "5", "6", "7":
		m.show(name)
	default:
		m.moveKey(name)
	}
}

func (m *model) moveKey(name string) {
	l, page := m.look(), max(m.layout().list, 1)
	switch name {
	case "up", "k":
		m.moveTo(l.index - 1)
	case "down", "j":
		m.moveTo(l.index + 1)
	case "pgup", "ctrl+b":
		m.moveTo(l.index - page)
	case "pgdown", "ctrl+f":
		m.moveTo(l.index + page)
	case "home", "g":
		m.moveTo(0)
	case "end", "G":
		m.moveTo(len(m.current.list) - 1)
	}
}

// show switches to another list.
func (m *model) show(name string) {
	switch name {
	case "tab":
		m.kind = (m.kind + 1) % kinds
	case "shift+tab":
		m.kind = (m.kind + kinds - 1) % kinds
	default:
		m.kind = int(name[0] - '1')
	}
	m.changed()
}

// opens is the list that a line of another one opens.
var opens = [kinds]int{devicesList, applications, applications, applications, devicesList, devicesList, flows}

// enter opens the selected line: its flows are the scope of the next list.
func (m *model) enter() {
	e := m.chosen()
	if e == nil {
		return
	}
	if m.kind == flows {
		m.explain()
		return
	}
	kind := opens[m.kind]
	if slices.ContainsFunc(m.scope, func(c condition) bool { return c.filter == nil && int(c.by) == kind }) {
		kind = flows // that list would have one line
	}
	m.push(condition{by: tally.By(m.kind), key: e.key, text: e.name}, kind)
	m.changed()
}

// explain asks why the selected flow has its names.
func (m *model) explain() {
	if e := m.chosen(); e != nil && e.flow != nil {
		m.asks = string(e.flow.ID[:])
		m.asked = m.asks
		m.why, m.offset = &answer{e.client + " > " + e.server, []string{"asking …"}}, 0
	}
}

// answered shows an explanation, unless the user has left the page.
func (m *model) answered(id string, lines []string) {
	if m.why != nil && m.asked == id {
		m.why.lines = lines
	}
}

// pageKey scrolls the help or an explanation, or leaves it.
func (m *model) pageKey(name string) {
	switch name {
	case "up", "k":
		m.offset = max(m.offset-1, 0)
	case "down", "j":
		m.offset++
	case "pgup":
		m.offset = max(m.offset-m.height, 0)
	case "pgdown":
		m.offset += m.height
	default:
		m.help, m.why, m.offset = false, nil, 0
		m.quit = name == "q" || name == "Q"
	}
}
