// SPDX-License-Identifier: Apache-2.0

// Package top is a live view of flow records on a terminal: rates by application, protocol, category, device, host and
// destination, and the flows, each list opening into the others.
package top

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// Options configure a view.
type Options struct {
	In, Out *os.File // the terminal; New and Run open nothing else
	NoColor bool
	Environ []string // for TERM, NO_COLOR, COLUMNS, LINES; nil: the process's

	// Joined: the records are those of a running agent, and all that is known of its traffic.
	Joined bool
	// MaxFlows and MaxRows bound the view's tables; 0: 65,536 flows, 4,096 rows of each list.
	MaxFlows, MaxRows int
}

// Summary holds the capture's counts since its start.
type Summary struct {
	Mode           string // ebpf, afpacket, libpcap
	Interfaces     []string
	Packets, Bytes uint64
	Sampled        uint64 // inspected packets; 0: all, or unknown
	Lost           []Loss
	// Of a running agent that was joined: how long it has run, and how many records it dropped on the way here.
	Joined  bool
	Ended   bool // it has ended, and may be starting again
	Running time.Duration
	Missed  uint64
}

// Loss is a number and what it counts, in words that follow a number: "packets: the ring was full".
type Loss struct {
	Count uint64
	What  string
}

// View gathers records and draws them. Other goroutines than Run's may call Flow and Tick before, during and after it;
// these never wait for the terminal.
type View struct {
	options Options
	term    string
	style   theme
	isPlain bool // lines instead of a screen: for no terminal, or one that can't move its cursor

	mu     sync.Mutex
	counts *counts
	frozen *counts // what the screen shows while it is paused, or nil
	why    func(id string) ([]string, error)

	wake chan struct{} // signals a complete tick
	done chan struct{} // closed when Run leaves the terminal
}

// New returns a view on the terminal of the options' In and Out. Without one, or if it can't move its cursor, Run
// writes plain lines to Out.
func New(o Options) *View {
	v := newView(o)
	v.isPlain = v.term == "" || v.term == "dumb" || !isTerminal(o.In) || !isTerminal(o.Out)
	return v
}

func isTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func newView(o Options) *View {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.MaxFlows <= 0 {
		o.MaxFlows = maxFlows
	}
	if o.MaxRows <= 0 {
		o.MaxRows = maxRows
	}
	v := &View{options: o, counts: newCounts(o.MaxFlows, o.MaxRows), wake: make(chan struct{}, 1),
		done: make(chan struct{})}
	v.counts.isOwn = !o.Joined
	v.term = lookup(o.Environ, "TERM")
	v.style = theme{colour: !o.NoColor && lookup(o.Environ, "NO_COLOR") == "" && hasColour(v.term),
		ascii: isASCII(o.Environ, v.term)}
	return v
}

// lookup returns a variable's value; the last one counts, as for exec.
func lookup(environ []string, name string) string {
	value := ""
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok && k == name {
			value = v
		}
	}
	return value
}

// hasColour judges by the terminal's name alone: the process may not read terminfo's files.
func hasColour(term string) bool {
	return term != "" && term != "dumb" && !strings.HasPrefix(term, "vt") && !strings.HasSuffix(term, "-m")
}

// isASCII reports whether a terminal surely shows ASCII only: its locale has no UTF-8, or its font no blocks.
func isASCII(environ []string, term string) bool {
	for _, name := range [...]string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(lookup(environ, name)); value != "" {
			return term == "linux" || !strings.Contains(value, "utf-8") && !strings.Contains(value, "utf8")
		}
	}
	return true
}

// SetDevices makes the view know the LAN's devices, the one seen last first.
func (v *View) SetDevices(all []Device) {
	d := newDevices(all)
	v.mu.Lock()
	v.counts.devices = d
	v.mu.Unlock()
}

// SetWhy makes the view explain flows by the result of why, which may take its time.
func (v *View) SetWhy(why func(id string) ([]string, error)) {
	v.mu.Lock()
	v.why = why
	v.mu.Unlock()
}

// Seed adds an agent's last hour to the sums, at a time. Call it before Past and Flow.
func (v *View) Seed(p *tally.Past, now time.Time) {
	v.mu.Lock()
	v.counts.now = max(v.counts.now, now.Unix())
	v.counts.seed(p)
	v.mu.Unlock()
}

// Past remembers a record from before the view began: what of it has ended counts in no sum but its own, since the
// agent's last hour has it. The record is valid during the call only.
func (v *View) Past(f *record.Flow) {
	v.mu.Lock()
	v.counts.past(f)
	v.mu.Unlock()
}

// Flow counts a record, which is valid during the call only. It never fails.
func (v *View) Flow(f *record.Flow) error {
	v.mu.Lock()
	v.counts.record(f)
	v.mu.Unlock()
	return nil
}

// Tick draws the screen anew. Call it once a second with the present time: rates are per tick, of the true length.
func (v *View) Tick(now time.Time, s Summary) {
	v.mu.Lock()
	v.counts.next(now, s)
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default: // the pending signal covers this tick too
	}
}

// patience bounds Run's wait for a terminal that takes no output after ctx has ended.
const patience = 2 * time.Second

// Run draws until the user quits or ctx ends, and restores the terminal. It handles no signals but changes of the
// window's size: the caller ends it by ctx. An error means that the terminal cannot be read or written. Call it once.
func (v *View) Run(ctx context.Context) error {
	if v.isPlain {
		return v.writeLines(ctx)
	}
	before, err := unix.IoctlGetTermios(int(v.options.In.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("read the terminal's settings: %w", err)
	}
	m := newModel(80, 24, v.style, v)
	program := tea.NewProgram(screen{m, v}, tea.WithInput(v.options.In), tea.WithOutput(v.options.Out),
		tea.WithEnvironment(v.environ()), tea.WithColorProfile(v.profile()), tea.WithoutSignalHandler(),
		tea.WithFPS(20))
	go func() {
		_, err = program.Run()
		close(v.done)
	}()
	go v.forward(program)
	select {
	case <-v.done:
	case <-ctx.Done():
		go program.Quit()               // waits while the terminal takes nothing
		over := time.NewTimer(patience) // such a terminal gives no sign
		defer over.Stop()
		select {
		case <-v.done:
		case <-over.C:
			if err := unix.IoctlSetTermios(int(v.options.In.Fd()), unix.TCSETS, before); err != nil {
				return fmt.Errorf("restore the terminal's settings: %w", err)
			}
			return errors.New("draw on the terminal: it takes no output")
		}
	}
	if err != nil {
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	return nil
}

// forward passes ticks to the program.
func (v *View) forward(program *tea.Program) {
	for {
		select {
		case <-v.done:
			return
		case <-v.wake:
			program.Send(ticked{})
		}
	}
}

// environ returns Bubble Tea's environment. With SSH_TTY it does not query the terminal's features (modes 2026 and
// 2027): on a slow line the answer would arrive after the end, and old terminals print the query.
func (v *View) environ() []string {
	e := []string{"TERM=" + v.term, "SSH_TTY=unknown"}
	for _, name := range [...]string{"COLUMNS", "LINES"} {
		if value := lookup(v.options.Environ, name); value != "" {
			e = append(e, name+"="+value)
		}
	}
	return e
}

// profile sets the colours, so that Bubble Tea does not look for them in files.
func (v *View) profile() colorprofile.Profile {
	if v.style.colour {
		return colorprofile.ANSI
	}
	return colorprofile.NoTTY
}

// read answers a query of the model, by the present state or the frozen one.
func (v *View) read(q *query) *snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.counts
	if v.frozen != nil {
		c = v.frozen
	}
	return c.snapshot(q)
}

// freeze makes read answer by the present state until the next call.
func (v *View) freeze(is bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.frozen = nil
	if is {
		v.frozen = v.counts.clone()
	}
}

func (v *View) isCalled(name string, mac [6]byte, a netip.Addr) bool {
	return v.counts.devices.isCalled(name, mac, a) // filters run under v.mu
}

// ask explains a flow.
func (v *View) ask(id string) tea.Cmd {
	v.mu.Lock()
	why := v.why
	v.mu.Unlock()
	return func() tea.Msg {
		if why == nil {
			return explained{id, []string{"nobody can be asked"}}
		}
		lines, err := why(id)
		if err != nil {
			lines = []string{err.Error()}
		}
		return explained{id, lines}
	}
}

// ticked is the message of a complete tick.
type ticked struct{}

// explained is the message of an explanation.
type explained struct {
	id    string
	lines []string
}

// screen adapts the model to Bubble Tea.
type screen struct {
	model *model
	view  *View
}

func (s screen) Init() tea.Cmd { return nil }

func (s screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m := s.model
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.KeyPressMsg:
		m.key(msg.String(), msg.Text)
	case ticked:
		if !m.paused { // else the display stands still
			m.refresh()
		}
	case explained:
		m.answered(msg.id, msg.lines)
	}
	if m.quit {
		return s, tea.Quit
	}
	if id := m.asks; id != "" {
		m.asks = ""
		return s, s.view.ask(id)
	}
	return s, nil
}

func (s screen) View() tea.View {
	v := tea.NewView(strings.Join(s.model.render(), "\n"))
	v.AltScreen, v.DisableBracketedPasteMode = true, true
	return v
}
