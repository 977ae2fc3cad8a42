// SPDX-License-Identifier: Apache-2.0

package top

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

func TestScreens(t *testing.T) {
	for _, size := range [...][2]int{{80, 24}, {40, 10}, {120, 30}, {200, 50}} {
		for _, c := range []struct{ name, keys string }{
			{"applications", ""},
			{"categories", "3b"},
			{"devices", "4j"},
			{"hosts", "5j"},
			{"flows", "7jj"},
			{"device-applications", "4j<enter>"},
			{"device-application-flows", "4j<enter><enter>7"},
			{"filter", "/app:netflix OR"},
			{"filtered", "/app:netflix OR proto:ssh<enter>4"},
			{"mistake", "/app:youtube OR<enter>"},
			{"paused", "p6sr"},
			{"help", "?"},
			{"why", "7w"},
		} {
			name := fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				r := newRig(t, size[0], size[1], Options{})
				r.sum.Lost = []Loss{{0, "packets nobody lost"}, {1234, "packets: the ring was full"}}
				r.sum.Sampled = 321
				r.household()
				r.keys(c.keys)
				r.model.answered(r.model.asked, explanation)
				r.golden(name)
			})
		}
	}
}

// explanation is one of weir explain's kind.
var explanation = []string{"Flow 00: tcp from 192.0.2.1:40000 to 198.51.100.7:443, outbound.",
	"The protocol is quic: its dissector recognised the packets, of which the first one has the host's name in clear.",
	"A name that is not shown as it is: \x1b[31m."}

func TestNothingYet(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	if text := r.text(); !strings.Contains(text, "no traffic yet") {
		t.Error(text)
	}
	r.keys("3<enter>jjkk<pgdown><end><home><esc><tab><shift+tab>srG7w<esc>tbp/<enter>/app:a<enter>7<enter><esc><esc>")
	r.lines()
}

// TestSizes draws every list in every small window.
func TestSizes(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	for _, keys := range []string{"1", "4", "<enter>", "7", "w", "?", "x/ab"} {
		r.keys(keys)
		for width := range 130 {
			for height := range 34 {
				r.model.resize(width, height)
				r.lines()
			}
		}
	}
	r.model.resize(5000, 1000)
	r.lines()
}

// TestHostileNames feeds names that would break a terminal or its columns.
func TestHostileNames(t *testing.T) {
	names := []string{
		"\x1b[2J\x1b]0;owned\x07", "a\nb\r\tc", "abc\u202edcba", "界界界界", "e\u0301\u0301\u0301", "\xff\xfe\xc3",
		"\u009b31m", "\x7f\x00\x08",
		strings.Repeat("\x1b", 64<<10), strings.Repeat("w", 64<<10) + ".example.com", "👨‍👩‍👧‍👦",
	}
	r := newRig(t, 80, 24, Options{})
	r.sum.Interfaces, r.sum.Mode = []string{"eth\x1b[0m", "界"}, "e\x1bbpf"
	r.sum.Lost = []Loss{{3, "\x1b[31m"}}
	for i, name := range names {
		r.flow(i*4, record.StateNew, 100, 1000, func(f *record.Flow) {
			f.Hostname = []byte(name)
			f.Application, f.Protocol = name[:min(len(name), 300)], name[:min(len(name), 300)]
		})
	}
	r.tick()
	r.view.SetDevices([]Device{{MAC: "02:00:00:00:00:01", Names: slices.Clone(names), Vendor: names[8]}})
	r.view.SetWhy(func(string) ([]string, error) { return names, nil })
	r.tick()
	r.model.resize(120, 40)
	for _, ascii := range []bool{true, false} {
		r.model.style.ascii = ascii
		for _, keys := range []string{"1", "2", "3", "4", "<enter>", "5", "7", "w", "x<esc>1"} {
			r.keys(keys)
			r.model.answered(r.model.asked, names)
			r.lines()
		}
	}
	text := r.text()
	for _, want := range []string{`\x1b[2J\x1b]0;`, `\xe2\x80\xae`, `\x0ab\x0d`, `\xff\xfe\xc3`, `\xc2\x9b31m`,
		"界界界界", `\xf0\x9f\x91\xa8`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s:\n%s", want, text)
		}
	}
	for _, f := range r.view.counts.flows {
		if len(f.told.Hostname) > maxName {
			t.Errorf("a name of %d bytes is kept", len(f.told.Hostname))
		}
	}
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte("www.example.com"), "tls", "3j", 80, 24)
	f.Add([]byte("\x1b\n\u202e"), "\x00", "/\x1b", 40, 10)
	f.Fuzz(func(t *testing.T, host []byte, name, keys string, width, height int) {
		r := newRig(t, 80, 24, Options{})
		r.model.resize(width%300, height%100)
		r.flow(1, record.StateNew, 1, 2, func(f *record.Flow) {
			f.Hostname, f.Application, f.Interface = host, name,
				name
		})
		r.tick()
		for _, k := range keys {
			r.model.key(string(k), string(k))
			r.lines()
		}
		r.keys("<esc>4<enter>7w")
		r.model.answered(r.model.asked, []string{string(host), name})
		if got := r.text(); bytes.ContainsAny([]byte(got), "\x1b\r\t") {
			t.Errorf("%q", got)
		}
	})
}

// TestColour draws with colours: each line resets the terminal, and without the colours the text is the same.
func TestColour(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	r.keys("4jp")
	bare := r.lines()
	r.model.style.colour = true
	tab := strings.NewReplacer("[4 ", " 4 ", "dev]", "dev ")
	for i, line := range r.model.render() {
		if got := strings.TrimRight(ansi.Strip(line), " "); got != strings.TrimRight(tab.Replace(bare[i]), " ") {
			t.Errorf("%q, want %q", got, bare[i])
		}
		if strings.Count(line, "\x1b") != 2*strings.Count(line, resetAll) {
			t.Errorf("%q leaves its style on", line)
		}
	}
	for _, c := range []struct {
		environ []string
		off     bool
		want    bool
	}{
		{[]string{"TERM=xterm-256color"}, false, true},
		{[]string{"TERM=xterm"}, true, false},
		{[]string{"TERM=xterm", "NO_COLOR=1"}, false, false},
		{[]string{"TERM=xterm", "NO_COLOR="}, false, true},
		{[]string{"TERM=vt100"}, false, false},
		{[]string{"TERM=dumb"}, false, false},
		{[]string{"HOME=/"}, false, false},
	} {
		if v := newView(Options{Environ: c.environ, NoColor: c.off}); v.style.colour != c.want {
			t.Errorf("%q: colour %v", c.environ, v.style.colour)
		}
	}
}

func TestPause(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	before := r.text()
	r.keys(" ")
	for second := range 3 {
		r.flow(100+second, record.StateNew, 5_000_000, 0, func(f *record.Flow) { f.Application = "later" })
		r.tick()
	}
	paused := strings.Replace(r.text(), "PAUSED", "", 1)
	if !strings.Contains(r.text(), "PAUSED") || strings.Join(strings.Fields(paused), " ") != strings.Join(
		strings.Fields(before), " ") {
		t.Errorf("the screen went on:\n%s\n%s", before, paused)
	}
	for _, keys := range []string{"7", "4", "<enter>", "/bytes>4M<enter>"} {
		if r.keys(keys); strings.Contains(r.text(), "later") || strings.Contains(r.text(), "5.00 MB") {
			t.Errorf("the other lists went on:\n%s", r.text())
		}
	}
	r.keys("<esc><esc>1p")
	r.tick()
	if text := r.text(); strings.Contains(text, "PAUSED") || !strings.Contains(text, "later") ||
		!strings.Contains(text, "15.0 MB") {
		t.Errorf("what came in between is missing:\n%s", text)
	}
}

// row returns the screen's line with a text.
func (r *rig) row(text string) string {
	for _, line := range r.lines() {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

func TestFilter(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	r.keys("/app:YOUTUBEx<backspace>")
	if r.row("/app:YOUTUBE_") == "" || r.row("netflix") == "" {
		t.Error(r.text())
	}
	if r.keys("<enter>"); r.row("youtube") == "" || r.row("netflix") != "" || r.row("› app:youtube") == "" {
		t.Error(r.text())
	}
	r.keys("/<ctrl+u>device:@KÜCHE<esc>") // no change
	if r.row("› app:youtube") == "" {
		t.Error(r.text())
	}
	r.keys("/<ctrl+u>device:@laptop NOT port:80<enter>")
	if r.row("netflix") != "" || r.row("whatsapp") == "" || r.row("app:youtube") != "" {
		t.Error(r.text())
	}
	r.keys("/<ctrl+u>colour:red<enter>")
	if r.row("/colour:red_") == "" || !r.model.typing || r.model.mistake == "" {
		t.Error(r.text())
	}
	r.keys("q")
	if r.model.quit || r.model.mistake != "" {
		t.Error("q quits while a filter is typed")
	}
	if r.keys("<ctrl+u><enter>"); r.row("netflix") == "" || len(r.model.scope) != 0 {
		t.Error(r.text())
	}
	if r.keys("/bytes>1T<enter>"); r.row("no flow of these is remembered") == "" {
		t.Error(r.text())
	}
	r.keys("/" + strings.Repeat("x", 5000))
	r.lines()
	if r.keys("<enter>"); r.model.mistake == "" && len(r.model.scope) > 1 {
		t.Error(r.text())
	}
	if r.keys("<esc><esc>"); r.row("netflix") == "" {
		t.Error(r.text())
	}
}

// TestLongAddresses: a wide screen has whole IPv6 addresses in its lines, others below the list.
func TestLongAddresses(t *testing.T) {
	const addr = "2001:db8:1111:2222:3333:4444:5555:6666"
	for _, width := range []int{80, 200} {
		r := newRig(t, width, 24, Options{})
		r.flow(0, record.StateNew, 1, 1, func(f *record.Flow) {
			f.Client.Addr = netip.MustParseAddrPort("[" + addr + "]:5")
		})
		r.tick()
		r.keys("4")
		if isWhole := strings.Contains(r.row(">"), addr); isWhole != (width == 200) || r.row(addr) == "" {
			t.Error(r.text())
		}
	}
}

// order returns the names in the list, from the top.
func (r *rig) order() string {
	var names []string
	for _, e := range r.model.current.list {
		names = append(names, e.name)
	}
	return strings.Join(names, " ")
}

func TestSort(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	totals := map[string]uint64{"big": 1 << 20, "small": 100, "old": 1 << 30}
	for n, name := range []string{"old", "small", "big"} {
		r.flow(n, record.StateNew, totals[name], 0, func(f *record.Flow) { f.Application = name })
		if name == "old" {
			for range 2 * tally.Window {
				r.tick()
			}
		}
	}
	r.flow(3, record.StateNew, 50, 0, func(f *record.Flow) { f.Application = "small" })
	r.tick()
	for _, c := range []struct{ keys, want string }{
		{"", "big small old"},
		{"r", "old small big"},
		{"rs", "old big small"},
		{"s", "big old small"},
		{"r", "small old big"},
		{"rs", "small big old"},
		{"s", "big small old"},
	} {
		if r.keys(c.keys); r.order() != c.want {
			t.Errorf("after %q: %s, want %s", c.keys, r.order(), c.want)
		}
	}
}

// TestSelection selects a line, which stays selected while the order changes around it.
func TestSelection(t *testing.T) {
	r := newRig(t, 80, 10, Options{})
	app := func(n int, total uint64) {
		r.flow(n, record.StateUpdate, total, 0, func(f *record.Flow) { f.Application = fmt.Sprintf("app%02d", n) })
	}
	for n := range 30 {
		app(n, uint64(1000*(n+1)))
	}
	r.tick()
	r.keys("jj")
	if got := r.row(">"); !strings.HasPrefix(got, ">app27") {
		t.Fatalf("selected: %q", got)
	}
	for n := range 20 {
		app(n, uint64(1_000_000*(n+1)))
	}
	r.tick()
	if got := r.row(">"); !strings.HasPrefix(got, ">app27") || !strings.Contains(r.text(), "23/30") {
		t.Errorf("the selection jumped to %q\n%s", got, r.text())
	}
	r.model.resize(80, 40)
	r.lines()
	r.model.resize(80, 8)
	if got := r.row(">"); !strings.HasPrefix(got, ">app27") {
		t.Errorf("after a resize: %q", got)
	}
	r.keys("g") // at the top again, the first line stays selected, whatever it is
	app(29, 1<<40)
	r.tick()
	if got := r.row(">"); !strings.HasPrefix(got, ">app29") {
		t.Errorf("at the top: %q", got)
	}
	r.keys("G")
	if got := r.row(">"); !strings.HasPrefix(got, ">app20") {
		t.Errorf("at the end: %q", got)
	}
}

// TestDrill opens lines into the other lists, and goes back the same way.
func TestDrill(t *testing.T) {
	r := newRig(t, 160, 30, Options{})
	r.household()
	var screens []string
	for _, c := range []struct{ keys, want string }{
		{"4<end>", "all traffic"},
		{"<enter>", "all traffic › laptop"}, // its applications
		{"<end>", ""},
		{"<enter>", "all traffic › laptop › youtube"}, // its flows: a list of one device says nothing
		{"2", ""},
		{"<enter>", "all traffic › laptop › youtube › quic"},
	} {
		if r.keys(c.keys); c.want != "" && r.row(c.want) == "" {
			t.Errorf("after %s: no %q\n%s", c.keys, c.want, r.text())
		}
		screens = append(screens, r.text())
	}
	for _, i := range []int{4, 2, 0} {
		if r.keys("<esc>"); r.text() != screens[i] {
			t.Errorf("back is\n%s\nwant\n%s", r.text(), screens[i])
		}
	}
	r.keys("<esc><esc>5<enter>7")
	if r.row("› 198.51.100.7") == "" || r.row("[7 flows]") == "" {
		t.Error(r.text())
	}
}

// TestWhy: the explanation of the selected flow, unless the user has gone on.
func TestWhy(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	r.keys("7jw")
	id := r.model.asked
	if id != string(r.model.current.list[1].flow.ID[:]) || r.model.asks != id || r.row("asking") == "" {
		t.Errorf("asked for %q\n%s", id, r.text())
	}
	r.model.answered("another", []string{"wrong"})
	r.model.answered(id, explanation)
	if r.row("wrong") != "" || r.row("dissector recognised") == "" || r.row(`\x1b[31m`) == "" {
		t.Error(r.text())
	}
	r.keys("<esc>")
	if r.model.answered(id, explanation); r.row("[7 flows]") == "" {
		t.Error(r.text())
	}
	r.keys("1w") // no flow
	if r.row("[1 apps]") == "" {
		t.Error(r.text())
	}
}

// TestShownRunes: every rune that is shown has the width that the terminal's library gives it, alone and after others.
func TestShownRunes(t *testing.T) {
	for c := rune(0); c <= unicode.MaxRune; c++ {
		if !isShown(c) {
			continue
		}
		if got := ansi.StringWidth("a" + string(c) + "a" + string([]rune{c, c})); got != 2+3*runeWidth(c) {
			t.Errorf("%U %c: %d", c, c, got-2)
		}
	}
	for text, want := range map[string]string{"Küche": "Küche", "ש": `\xd7\xa9`, "e\u0301": `e\xcc\x81`} {
		if got := shown(text, false); got != want {
			t.Errorf("%s: %s", want, got)
		}
	}
	if got := shown("Küche", true); got != `K\xc3\xbcche` {
		t.Error(got)
	}
	for _, c := range []struct{ got, want string }{{left("客厅客厅", 5), "客厅~"}, {left("客厅客厅", 4), "客~ "},
		{leftTail("客厅客厅", 4), "~厅 "}, {leftTail("a.example.org", 6), "~e.org"}, {right("客厅", 6), "  客厅"}} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
