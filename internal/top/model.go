// SPDX-License-Identifier: Apache-2.0

package top

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// The lists. Those of one host come last.
const (
	applications = iota
	protocols
	hosts
	hostFlows
	hostApplications
	kinds
)

// Sort orders, in the sequence of the key s.
const (
	byRate = iota
	byTotal
	byName
	byFlows
	orders
)

var orderNames = [orders]string{"rate", "total", "name", "flows"}

// look is the state of one list's display.
type look struct {
	order    int
	reverse  bool
	filter   string // lower case
	selected string // key of the selected line; "": the first, whatever it is
	index    int    // of the selected line
	offset   int    // index of the first line on the screen
}

// model is the state of the screen. Only keys, snapshots and sizes change it; it knows no terminal.
type model struct {
	width, height int
	colour        bool

	kind       int // the visible list
	looks      [kinds]look
	host       netip.Addr // the host of the last two lists
	help       bool
	helpOffset int
	typing     bool // the user is typing a filter
	paused     bool
	quit       bool
	current    *snapshot
	visible    []entry // the visible list, filtered and sorted

	// detail fills in a host's lists.
	detail func(*snapshot, netip.Addr)
}

func newModel(width, height int, colour bool, detail func(*snapshot, netip.Addr)) *model {
	return &model{width: width, height: height, colour: colour, detail: detail, current: &snapshot{}}
}

// take shows a newer snapshot.
func (m *model) take(s *snapshot) {
	m.current = s
	m.arrange()
}

func (m *model) resize(width, height int) {
	m.width, m.height = max(width, 1), max(height, 1)
	m.scroll()
}

// inHost reports whether the screen shows one host's lists.
func (m *model) inHost() bool { return m.kind >= hostFlows }

func (m *model) look() *look { return &m.looks[m.kind] }

// arrange builds the visible list from the snapshot, and finds the selected line again.
func (m *model) arrange() {
	l := m.look()
	m.visible = m.visible[:0]
	for _, e := range m.current.lists[m.kind] {
		if l.filter == "" || e.contains(l.filter) {
			m.visible = append(m.visible, e)
		}
	}
	slices.SortFunc(m.visible, l.compare)
	if l.selected == "" {
		l.index = 0
	} else if i := slices.IndexFunc(m.visible, func(e entry) bool { return e.key == l.selected }); i >= 0 {
		l.index = i
	}
	m.scroll()
}

// contains reports whether one of the line's texts contains the filter.
func (e *entry) contains(filter string) bool {
	for _, text := range [...]string{e.name, e.address, e.application, e.protocol, e.transport} {
		if strings.Contains(strings.ToLower(text), filter) {
			return true
		}
	}
	return false
}

// compare orders by the chosen value, the largest first, but names from a to z; lines of equal value by name and by
// key, so that they keep their places.
func (l *look) compare(a, b entry) int {
	var order int
	switch l.order {
	case byRate:
		order = cmp.Or(cmp.Compare(b.rate(), a.rate()), cmp.Compare(b.bytes, a.bytes))
	case byTotal:
		order = cmp.Compare(b.bytes, a.bytes)
	case byFlows:
		order = cmp.Compare(b.flows, a.flows)
	}
	order = cmp.Or(order, a.host.Compare(b.host), cmp.Compare(a.name, b.name), cmp.Compare(a.key, b.key))
	if l.reverse {
		return -order
	}
	return order
}

// scroll keeps the selected line on the screen.
func (m *model) scroll() {
	l, rows := m.look(), max(m.listHeight(), 1)
	l.index = max(min(l.index, len(m.visible)-1), 0)
	l.offset = min(l.offset, l.index, max(len(m.visible)-rows, 0))
	l.offset = max(l.offset, l.index-rows+1)
}

// moveTo selects the line at an index.
func (m *model) moveTo(index int) {
	l := m.look()
	l.index = index
	m.scroll()
	l.selected = ""
	if index > 0 && len(m.visible) > 0 {
		l.selected = m.visible[l.index].key
	}
}

// key handles a key by its name; text is what it would write, if anything.
func (m *model) key(name, text string) {
	switch {
	case name == "ctrl+c":
		m.quit = true
	case m.typing:
		m.typeFilter(name, text)
	case m.help:
		m.helpKey(name)
	default:
		m.command(name)
	}
}

func (m *model) typeFilter(name, text string) {
	l := m.look()
	switch name {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, l.filter = false, ""
	case "backspace", "ctrl+h":
		if l.filter == "" {
			m.typing = false
		} else {
			l.filter = l.filter[:len(l.filter)-1]
		}
	case "ctrl+u":
		l.filter = ""
	default:
		const most = 64
		for _, c := range []byte(strings.ToLower(text)) {
			if c >= ' ' && c <= '~' && len(l.filter) < most {
				l.filter += string(rune(c))
			}
		}
	}
	m.arrange()
}

func (m *model) command(name string) {
	l := m.look()
	switch name {
	case "q", "Q":
		m.quit = true
	case "?", "h":
		m.help = true
	case "p", "space", " ":
		m.paused = !m.paused
	case "/":
		m.typing = true
	case "s":
		l.order = (l.order + 1) % orders
		if m.kind == hostFlows && l.order == byFlows {
			l.order = byRate
		}
		m.arrange()
	case "r":
		l.reverse = !l.reverse
		m.arrange()
	case "up", "k":
		m.moveTo(l.index - 1)
	case "down", "j":
		m.moveTo(l.index + 1)
	case "pgup", "ctrl+b":
		m.moveTo(l.index - m.listHeight())
	case "pgdown", "ctrl+f":
		m.moveTo(l.index + m.listHeight())
	case "home", "g":
		m.moveTo(0)
	case "end", "G":
		m.moveTo(len(m.visible) - 1)
	case "1", "2", "3", "tab", "shift+tab":
		m.show(name)
	case "enter", "right", "l":
		m.enter()
	case "esc", "backspace", "left":
		m.back(name)
	}
}

// show switches to another list of the same level.
func (m *model) show(name string) {
	first, n := applications, 3
	if m.inHost() {
		first, n = hostFlows, 2
	}
	at := m.kind - first
	switch name {
	case "tab":
		at = (at + 1) % n
	case "shift+tab":
		at = (at + n - 1) % n
	default:
		at = min(int(name[0]-'1'), n-1)
	}
	m.kind = first + at
	m.arrange()
}

// enter shows the selected host. A paused display reads that host's present state once.
func (m *model) enter() {
	if m.kind != hosts || len(m.visible) == 0 {
		return
	}
	m.host = m.visible[m.look().index].host
	m.looks[hostFlows], m.looks[hostApplications] = look{}, look{}
	m.kind = hostFlows
	m.detail(m.current, m.host)
	m.arrange()
}

func (m *model) back(name string) {
	if l := m.look(); name == "esc" && l.filter != "" {
		l.filter = ""
	} else if m.inHost() {
		m.kind = hosts
	}
	m.arrange()
}
