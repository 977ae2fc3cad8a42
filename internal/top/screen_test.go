// SPDX-License-Identifier: Apache-2.0

package top

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

func TestScreens(t *testing.T) {
	for _, size := range [...][2]int{{80, 24}, {40, 10}, {200, 50}} {
		for _, c := range []struct{ name, keys string }{
			{"applications", ""},
			{"protocols", "2"},
			{"hosts", "3j"},
			{"host-flows", "3<enter>"},
			{"host-applications", "3<enter><tab>"},
			{"filter", "/net"},
			{"paused", "p3sr"},
			{"help", "?"},
		} {
			name := fmt.Sprintf("%s-%dx%d", c.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				r := newRig(t, size[0], size[1], Options{})
				r.sum.Lost = []Loss{{0, "packets nobody lost"}, {1234, "packets: the ring was full"}}
				r.sum.Sampled = 321
				r.household()
				r.keys(c.keys)
				r.golden(name)
			})
		}
	}
}

func TestNothingYet(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	if text := r.text(); !strings.Contains(text, "no traffic yet") || !strings.Contains(text, "nothing lost") {
		t.Error(text)
	}
	r.keys("3<enter>jjkk<pgdown><end><home><esc><tab><shift+tab>srG")
	r.lines()
}

// TestSizes draws every list in every small window.
func TestSizes(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	for _, keys := range []string{"1", "2", "3", "<enter>", "2", "?", "x/ab"} {
		r.keys(keys)
		for width := range 130 {
			for height := range 30 {
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
	for _, keys := range []string{"1", "2", "3", "<enter>", "2"} {
		r.keys(keys)
		r.lines()
	}
	r.keys("1")
	text := r.text()
	for _, want := range []string{`\x1b[2J\x1b]0;`, `\xe2\x80\xae`, `\x0ab\x0d`, `\xff\xfe\xc3`, `\xc2\x9b31m`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s:\n%s", want, text)
		}
	}
	for _, f := range r.view.counts.flows {
		if len(f.hostname) > maxName {
			t.Errorf("a name of %d bytes is kept", len(f.hostname))
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
		r.keys("<esc>3<enter>")
		if got := r.text(); bytes.ContainsAny([]byte(got), "\x1b\r\t") {
			t.Errorf("%q", got)
		}
	})
}

// TestColour draws with colours: each line resets the terminal, and without the colours the text is the same.
func TestColour(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	r.keys("3jp")
	bare := r.lines()
	r.model.colour = true
	strip := strings.NewReplacer(string(strong), "", string(faint), "", string(inverse), "", string(warning), "",
		resetAll, "")
	for i, line := range r.model.render() {
		if got := strings.TrimRight(strip.Replace(line), " "); got != bare[i] {
			t.Errorf("%q, want %q", got, bare[i])
		}
		if strings.Contains(line, "\x1b") && !strings.HasSuffix(line, resetAll) {
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
		if v := newView(Options{Environ: c.environ, NoColor: c.off}); v.colour != c.want {
			t.Errorf("%q: colour %v", c.environ, v.colour)
		}
	}
}

func TestPause(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	before := strings.Replace(r.text(), "by rate", "", 1)
	r.keys(" ")
	for second := range 3 {
		r.flow(100+second, record.StateNew, 5_000_000, 0, func(f *record.Flow) { f.Application = "later" })
		r.tick()
	}
	paused := strings.Replace(r.text(), "PAUSED  by rate", "", 1)
	if !strings.Contains(r.text(), "PAUSED") || strings.Join(strings.Fields(paused), " ") != strings.Join(
		strings.Fields(before), " ") {
		t.Errorf("the screen went on:\n%s\n%s", before, paused)
	}
	r.keys("2")
	if strings.Contains(r.text(), "18 flows") {
		t.Errorf("the other lists went on:\n%s", r.text())
	}
	r.keys("1p")
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
	r.keys("/YOUT")
	if r.row("youtube") == "" || r.row("netflix") != "" || r.row("/yout_") == "" {
		t.Error(r.text())
	}
	r.keys("<backspace><backspace><backspace><backspace>netq<backspace><enter>")
	if r.row("youtube") != "" || r.row("netflix") == "" || r.row("/net_") != "" {
		t.Error(r.text())
	}
	r.keys("q") // a command again, after the typing
	if !r.model.quit {
		t.Error("q does not quit after a filter")
	}
	r.keys("<esc>")
	if r.row("youtube") == "" || r.row("/net") != "" {
		t.Error(r.text())
	}
	r.keys("/zzz<enter>")
	if r.row("nothing matches the filter") == "" {
		t.Error(r.text())
	}
	r.keys("<esc>3<enter>/googlevideo<enter>")
	if r.row("googlevideo") == "" || r.row("198.51.100.7:443") != "" {
		t.Error(r.text())
	}
}

// TestLongAddresses: the screen shows whole IPv6 addresses if the window allows.
func TestLongAddresses(t *testing.T) {
	const addr = "2001:db8:1111:2222:3333:4444:5555:6666"
	for width, want := range map[int]string{80: addr, 50: addr, 40: "~11:2222:3333:4444:5555:6666"} {
		r := newRig(t, width, 10, Options{})
		r.flow(0, record.StateNew, 1, 1, func(f *record.Flow) {
			f.Client.Addr = netip.MustParseAddrPort(
				"[" + addr + "]:5")
		})
		r.tick()
		if r.keys("3"); !strings.Contains(r.row(">"), want) {
			t.Error(r.text())
		}
	}
}

// order returns the names in the list, from the top.
func (r *rig) order() string {
	var names []string
	for _, line := range r.lines()[linesAround-1:] {
		if len(line) > 0 && (line[0] == '>' || line[0] == ' ') {
			names = append(names, strings.Fields(line[1:])[0])
		}
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
	if got := r.row(">"); !strings.HasPrefix(got, ">app27") || r.row(" 23/30 ") == "" {
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

func TestDrill(t *testing.T) {
	r := newRig(t, 120, 24, Options{})
	r.household()
	r.keys("3/192.0.2.2<enter><enter>")
	if r.model.host != netip.MustParseAddr("192.0.2.2") {
		t.Fatalf("host %v", r.model.host)
	}
	for _, want := range []string{"192.0.2.2 [1 flows]", "nflxvideo.net?", "netflix?", "dns?"} {
		if !strings.Contains(r.text(), want) {
			t.Errorf("no %q:\n%s", want, r.text())
		}
	}
	r.flow(1, record.StateEnd, 1_000_000, 1_000_000, func(f *record.Flow) { f.Hostname = []byte("ended.example") })
	r.tick()
	if got := r.row("ended.example"); !strings.Contains(got, " ended ") {
		t.Errorf("%q", got)
	}
	for range tally.Window + 1 {
		r.tick()
	}
	if got := r.row("ended.example"); got != "" {
		t.Errorf("%q is still there", got)
	}
	r.keys("2")
	if r.row("[2 applications]") == "" || r.row("[dns]") == "" {
		t.Error(r.text())
	}
	r.keys("<esc>")
	if r.row("[3 hosts]") == "" || r.row("/192.0.2.2") == "" {
		t.Error(r.text())
	}
}
