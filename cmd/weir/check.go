// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/probe"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/sockets/watch"
	"github.com/weirnet/weir/internal/survey"
	"github.com/weirnet/weir/internal/topology"
	"github.com/weirnet/weir/internal/usage"
)

// newCheck returns the command. It also runs the extra probes.
func newCheck(extra ...func() probe.Feature) *cobra.Command {
	var o agent.Options
	var asJSON, isVerbose bool
	var listen time.Duration
	var socket string
	c := &cobra.Command{
		Use:   "check",
		Short: "Report whether weir can run on this machine, in which mode, and what is missing",
		Long: `check tries what every mode of weir run needs: kernel features, rights, memory, the
clock, the interfaces. It says whether weir can run and what it would watch, what is lost and what to
do; --verbose adds all that was tried. It starts nothing and leaves nothing behind. With --listen it
also inspects the traffic for the given time, and proposes networks of the LAN to name, for a mirror
port, where no route shows them.
Run it with the rights that weir run will have: as the same user, in the same container.

Exit status: 0 if weir can run, 1 if it cannot, 2 for wrong usage.`,
		Example: `  weir check                    all interfaces that matter
  weir check -i eth0 -i 'ppp*'  what weir run -i eth0 -i 'ppp*' would do
  weir check -v                 every feature, right and interface
  weir check --listen 1m -i eth1  which networks the traffic at a mirror port shows
  weir check --json | jq .mode`,
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			selection, err := topology.NewSelection(o.Interfaces...)
			if err != nil {
				return err
			}
			if err := o.Sides.Check(); err != nil {
				return err
			}
			if c.Flags().Changed("listen") && listen <= 0 {
				return errors.New("--listen must be longer than 0, such as 30s")
			}
			if sandbox.Inside() {
				return survey.Run()
			}
			report, err := probe.Run(probe.Options{Selection: selection, Sides: o.Sides, Extra: extra})
			if err != nil {
				return partialError{err}
			}
			all := checked{Report: report}
			if all.Losses, err = findLosses(report, socket); err != nil {
				return partialError{err}
			}
			if listen > 0 {
				if all.Traffic, err = listenTo(report, o.Sides, listen, c.ErrOrStderr()); err != nil {
					return partialError{err}
				}
			}
			if asJSON {
				encoder := json.NewEncoder(c.OutOrStdout())
				encoder.SetIndent("", "  ")
				encoder.SetEscapeHTML(false)
				err = encoder.Encode(all)
			} else {
				err = writeCheck(c.OutOrStdout(), &all, isVerbose)
			}
			if err == nil && !report.CanRun {
				err = partialError{errors.New("weir can't run here: " + report.Why)}
			}
			return err
		},
	}
	c.Flags().StringArrayVarP(&o.Interfaces, "interface", "i", nil,
		"interface to watch, by name or pattern; may be repeated")
	sideFlags(c.Flags(), &o)
	c.Flags().DurationVar(&listen, "listen", 0, "inspect the traffic for this time, and propose networks of the LAN")
	c.Flags().StringVar(&socket, "socket", control.DefaultPath(), "the running weir's socket")
	c.Flags().BoolVarP(&isVerbose, "verbose", "v", false, "print all that was tried")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the same content")
	return c
}

func writeCheck(out io.Writer, c *checked, isVerbose bool) error {
	r := c.Report
	first := "no, weir can't run: " + r.Why
	if r.CanRun {
		first = fmt.Sprintf("yes, weir can run, in mode %s: %s", r.Mode, r.Why)
	}
	if err := writeSentences(out, first, watchedText(r)); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if isVerbose {
		writeModes(w, r)
		writeRights(w, r)
		writeInterfaces(w, r)
	}
	if isVerbose || len(c.Losses.Found) > 0 {
		writeLosses(w, c.Losses)
	}
	if c.Traffic != nil {
		writeTraffic(w, c.Traffic)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if todo := fixes(c, isVerbose); len(todo) > 0 {
		return writeSentences(out, append([]string{"", "WHAT TO DO"}, todo...)...)
	}
	return nil
}

// watchedText says what weir would watch.
func watchedText(r *probe.Report) string {
	var names []string
	for _, i := range r.Interfaces {
		if i.Chosen {
			names = append(names, i.Name+onlyIf(i.Side != "", " ("+i.Side+")"))
		}
	}
	if len(names) == 0 {
		return "no interface would be watched; weir check -v says why"
	}
	return "watched: " + strings.Join(names, ", ")
}

func writeModes(w io.Writer, r *probe.Report) {
	fmt.Fprintln(w, "\nMODE\tWORKS\tWHY")
	for _, m := range r.Modes {
		why := m.Why
		if m.Name == r.Mode {
			why = "chosen"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", m.Name, yesNo(m.OK), why)
	}
	fmt.Fprintln(w, "\nFEATURE\tTHERE\tFOR\tWHY")
	for _, f := range r.Features {
		use := strings.Join(f.NeededBy, ", ")
		if f.Optional {
			use += " (can do without)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\n", f.Name, yesNo(f.OK), use, f.Detail, f.Why)
	}
}

func writeInterfaces(w io.Writer, r *probe.Report) {
	fmt.Fprintln(w, "\nINTERFACE\tWATCHED\tWHY\tSIDE\tKIND\tSTATE\tMTU\tOFFLOADS")
	for _, i := range r.Interfaces {
		state := "down"
		if i.Up {
			state = "up"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", i.Name, yesNo(i.Chosen), i.Why, orNone(i.Side),
			orNone(i.Kind), state, i.MTU, orNone(strings.Join(i.Offloads, " ")))
	}
}

func writeRights(w io.Writer, r *probe.Report) {
	rights := r.Rights
	fmt.Fprintln(w, "\nMACHINE\t")
	fmt.Fprintf(w, "kernel\t%s, %s\n", r.Kernel, r.Machine)
	fmt.Fprintf(w, "user\t%d%s%s\n", rights.User, onlyIf(rights.UserNamespace, ", in a user namespace"),
		onlyIf(rights.NoNewPrivs, ", no_new_privs"))
	capabilities := orNone(strings.Join(rights.Capabilities, " "))
	if len(rights.Capabilities) > 12 { // root's: forty names tell nothing
		capabilities = fmt.Sprintf("%d, all that weir uses among them", len(rights.Capabilities))
		if len(rights.Missing) > 0 {
			capabilities = fmt.Sprintf("%d", len(rights.Capabilities))
		}
	}
	fmt.Fprintf(w, "capabilities\t%s%s\n", capabilities, onlyIf(len(rights.Missing) > 0, "; missing: "+
		strings.Join(rights.Missing, " ")))
	fmt.Fprintf(w, "sandbox\tseccomp %s%s, Landlock %s\n", yesNo(rights.SeccompFilter),
		onlyIf(rights.Seccomp, " (a filter is in force)"),
		onlyIf(rights.Landlock == 0, "no")+onlyIf(rights.Landlock > 0, fmt.Sprintf("version %d", rights.Landlock)))
	fmt.Fprintf(w, "lockdown\t%s\n", orNone(rights.Lockdown))
	fmt.Fprintf(w, "memory lock\t%s\n", rights.MemoryLock)
	clock := r.Clock.Why
	if clock == "" {
		clock = "synchronised"
	}
	fmt.Fprintf(w, "clock\t%s, %s\n", r.Clock.Now.Format("2006-01-02 15:04:05 MST"), clock)
}

// fixes lists the remedies, each once, with its purpose: those for the mode that weir would take, with all also those
// for the others.
func fixes(c *checked, all bool) []string {
	r := c.Report
	var order []string
	causes := map[string][]string{}
	add := func(fix, cause string) {
		if fix == "" {
			return
		}
		if causes[fix] == nil {
			order = append(order, fix)
		}
		if !slices.Contains(causes[fix], cause) {
			causes[fix] = append(causes[fix], cause)
		}
	}
	if !r.CanRun {
		add(r.Fix, "to run at all")
	}
	for _, m := range r.Modes {
		if !m.OK && (all || !r.CanRun) {
			add(m.Fix, "for mode "+m.Name)
		}
	}
	for _, f := range r.Features {
		if !f.OK && (all || !r.CanRun || slices.Contains(f.NeededBy, r.Mode)) {
			add(f.Fix, "for "+f.Name)
		}
	}
	add(r.Clock.Fix, "for right times")
	add(fixSides(c), "for the sides of flows")
	var lines []string
	for _, fix := range order {
		whys := causes[fix]
		if len(whys) > 3 {
			whys = append(whys[:3:3], fmt.Sprintf("and %d more", len(whys)-3))
		}
		lines = append(lines, fmt.Sprintf("- %s: %s", strings.Join(whys, ", "), fix))
	}
	return lines
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func onlyIf(when bool, text string) string {
	if when {
		return text
	}
	return ""
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// programsLoad checks that the kernel's verifier accepts weir's own programs. It attaches them to nothing.
func programsLoad() probe.Feature {
	f := probe.Feature{Name: "weir's programs", NeededBy: []string{probe.EBPF}}
	const few = 64 // slots: memory is a separate question
	l, err := kernel.Load(kernel.Config{Geometry: kernel.Geometry{Workers: 1, SlotsPerWorker: few,
		RingBytes: kernel.DefaultRingBytes}})
	if err != nil {
		f.Why = err.Error()
		f.Fix = "give weir the rights named above; if it has them, report this kernel"
		return f
	}
	f.OK, f.Detail = true, "loaded, and unloaded"
	if err := l.Close(); err != nil {
		f.Detail = "loaded; unload: " + err.Error()
	}
	return f
}

// socketsTell attaches the programs of flows.processes.
func socketsTell() probe.Feature {
	f := probe.Feature{Name: "processes of flows", NeededBy: []string{probe.EBPF, probe.Libpcap, probe.AFPacket},
		Optional: true}
	w, err := watch.Open()
	if err != nil {
		f.Why = err.Error()
		f.Fix = "Linux 6.3 with BTF, CAP_BPF and CAP_PERFMON; only flows.processes needs them"
		return f
	}
	f.OK, f.Detail = true, "tracing programs attached, and detached"
	if err := w.Close(); err != nil {
		f.Detail = "attached; detach: " + err.Error()
	}
	return f
}
