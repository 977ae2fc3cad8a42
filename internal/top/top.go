// SPDX-License-Identifier: Apache-2.0

// Package top is a live view of flow records on a terminal: rates by application, by protocol and by host.
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

	// MaxFlows and MaxHosts bound the view's tables; 0: 65,536 flows, 4,096 hosts.
	MaxFlows, MaxHosts int
}

// Summary holds the capture's counts since its start.
type Summary struct {
	Mode           string // ebpf, afpacket, libpcap
	Interfaces     []string
	Packets, Bytes uint64
	Sampled        uint64 // inspected packets; 0: all, or unknown
	Lost           []Loss
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
	colour  bool

	mu     sync.Mutex
	counts *counts

	wake chan struct{} // signals a complete tick
	done chan struct{} // closed when Run leaves the terminal
}

// ErrNoTerminal is New's error if In or Out is not a terminal.
var ErrNoTerminal = errors.New("weir top needs a terminal; use weir run --output table")

// New returns a view on the terminal of the options' In and Out.
func New(o Options) (*View, error) {
	for _, f := range [...]*os.File{o.In, o.Out} {
		if f == nil {
			return nil, ErrNoTerminal
		}
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
			return nil, ErrNoTerminal
		}
	}
	return newView(o), nil
}

func newView(o Options) *View {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.MaxFlows <= 0 {
		o.MaxFlows = maxFlows
	}
	if o.MaxHosts <= 0 {
		o.MaxHosts = tally.MaxHosts
	}
	v := &View{options: o, counts: newCounts(o.MaxFlows, o.MaxHosts), wake: make(chan struct{}, 1),
		done: make(chan struct{})}
	v.term = lookup(o.Environ, "TERM")
	v.colour = !o.NoColor && lookup(o.Environ, "NO_COLOR") == "" && hasColour(v.term)
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

// SetNames makes the view show hosts by the result of names; "" means by their address.
func (v *View) SetNames(names func(netip.Addr) string) {
	v.mu.Lock()
	v.counts.names = names
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
	before, err := unix.IoctlGetTermios(int(v.options.In.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("read the terminal's settings: %w", err)
	}
	m := newModel(80, 24, v.colour, v.detail)
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
	if v.colour {
		return colorprofile.ANSI
	}
	return colorprofile.NoTTY
}

// snapshot copies what the model shows.
func (v *View) snapshot(host netip.Addr) *snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.counts.snapshot()
	if host.IsValid() {
		v.counts.detail(s, host)
	}
	return s
}

func (v *View) detail(s *snapshot, host netip.Addr) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts.detail(s, host)
}

// ticked is the message of a complete tick.
type ticked struct{}

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
		if m.paused { // the display stands still
			break
		}
		host := netip.Addr{}
		if m.inHost() {
			host = m.host
		}
		m.take(s.view.snapshot(host))
	}
	if m.quit {
		return s, tea.Quit
	}
	return s, nil
}

func (s screen) View() tea.View {
	v := tea.NewView(strings.Join(s.model.render(), "\n"))
	v.AltScreen, v.DisableBracketedPasteMode = true, true
	return v
}
