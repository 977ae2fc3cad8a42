// SPDX-License-Identifier: Apache-2.0

// Package manual writes manual pages (man(7)) from the definitions of a command line: a page for each command.
package manual

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/usage"
)

// Page is a page that is no command's.
type Page struct {
	Name    string
	Section int
	Body    func(*Writer) // after the head, beginning with the section NAME
}

// Command returns the hidden command that writes all pages into a folder.
func Command(version string, more ...Page) *cobra.Command {
	var date string
	c := &cobra.Command{
		Use: "manual FOLDER", Short: "Write the manual pages into a folder", Hidden: true,
		Example: "  manual /usr/local/share/man/man1",
		Args:    usage.Needs("a folder", false),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := time.Parse(time.DateOnly, date); err != nil {
				return fmt.Errorf("--date %q: must be a day such as 2026-11-30", date)
			}
			m := manual{c.Root().Name(), version, date}
			return m.write(args[0], c.Root(), more)
		},
	}
	c.Flags().StringVar(&date, "date", time.Now().UTC().Format(time.DateOnly), "day that the pages name")
	return c
}

type manual struct{ program, version, date string }

func (m manual) write(folder string, root *cobra.Command, more []Page) error {
	save := func(name string, section int, body func(*Writer)) error {
		w := m.page(name, section)
		body(w)
		return os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s.%d", name, section)), w.Bytes(), 0o644)
	}
	for _, c := range commands(root) {
		if err := save(pageName(c), 1, func(w *Writer) { command(w, c, more) }); err != nil {
			return err
		}
	}
	for _, p := range more {
		if err := save(p.Name, p.Section, p.Body); err != nil {
			return err
		}
	}
	return nil
}

// commands returns a command and those below it that have a page.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	if c.Name() == "completion" { // one page is enough for all shells
		return all
	}
	for _, sub := range children(c) {
		all = append(all, commands(sub)...)
	}
	return all
}

func children(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			all = append(all, sub)
		}
	}
	return all
}

// pageName is what man(1) is asked for: weir-catalog-show.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func (m manual) page(name string, section int) *Writer {
	w := new(Writer)
	fmt.Fprintf(w, ".\\\" SPDX-License-Identifier: Apache-2.0\n.TH %s %d %s %s\n", quote(strings.ToUpper(name)),
		section, m.date, quote(m.program+" "+m.version))
	return w
}

// command writes the page of a command, after its head.
func command(w *Writer, c *cobra.Command, more []Page) {
	w.Section("NAME")
	fmt.Fprintf(w, "%s \\- %s\n", escape(pageName(c)), escape(c.Short))
	w.Section("SYNOPSIS")
	w.Line(bold(c.CommandPath()) + escape(strings.TrimPrefix(c.UseLine(), c.CommandPath())))
	w.Section("DESCRIPTION")
	if c.Long == "" {
		w.Text(c.Short + ".")
	} else {
		w.Text(c.Long)
	}
	if subs := children(c); len(subs) > 0 {
		w.Section("COMMANDS")
		for _, sub := range subs {
			w.Item(bold(sub.CommandPath()), sub.Short)
		}
	}
	flags(w, "OPTIONS", c.LocalFlags())
	flags(w, "OPTIONS OF ALL COMMANDS", c.InheritedFlags())
	if c.Example != "" {
		w.Section("EXAMPLES")
		w.Code(c.Example)
	}
	if others := related(c, more); len(others) > 0 {
		w.Section("SEE ALSO")
		w.Line(strings.Join(others, ", "))
	}
}

// related names the pages of the commands above and below a command, and for the program the other pages.
func related(c *cobra.Command, more []Page) (all []string) {
	reference := func(name string, section int) { all = append(all, fmt.Sprintf("%s(%d)", bold(name), section)) }
	if c.HasParent() {
		reference(pageName(c.Parent()), 1)
	} else {
		for _, p := range more {
			reference(p.Name, p.Section)
		}
	}
	for _, sub := range commands(c)[1:] {
		if sub.Parent() == c {
			reference(pageName(sub), 1)
		}
	}
	return all
}

func flags(w *Writer, title string, all *pflag.FlagSet) {
	if !all.HasAvailableFlags() {
		return
	}
	w.Section(title)
	all.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		tag := bold("--" + f.Name)
		if f.Shorthand != "" {
			tag = bold("-"+f.Shorthand) + ", " + tag
		}
		if value != "" {
			tag += "=" + italic(value)
		}
		if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.DefValue) {
			text += " (default " + f.DefValue + ")"
		}
		w.Item(tag, text)
	})
}

// Writer collects the source of a page.
type Writer struct{ bytes.Buffer }

// Section begins a section.
func (w *Writer) Section(title string) { fmt.Fprintf(w, ".SH %s\n", quote(title)) }

// Subsection begins a part of a section.
func (w *Writer) Subsection(title string) { fmt.Fprintf(w, ".SS %s\n", quote(title)) }

// Item writes an entry of a list: a tag that is source already, and its text.
func (w *Writer) Item(tag, text string) {
	fmt.Fprintf(w, ".TP\n%s\n", tag)
	w.Line(escape(text))
}

// Line writes source that is no macro.
func (w *Writer) Line(source string) { fmt.Fprintln(w, protect(source)) }

// Text writes paragraphs, which empty lines separate; indented ones are shown as they are.
func (w *Writer) Text(text string) {
	for i, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			fmt.Fprintln(w, ".PP")
		}
		if strings.HasPrefix(part, " ") || strings.HasPrefix(part, "\t") {
			w.Code(part)
			continue
		}
		for line := range strings.Lines(part) {
			w.Line(escape(strings.TrimSpace(line)))
		}
	}
}

// Code writes lines as they are.
func (w *Writer) Code(text string) {
	fmt.Fprintln(w, ".RS 4\n.nf")
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		w.Line(escape(strings.TrimPrefix(strings.TrimRight(strings.ReplaceAll(line, "\t", "  "), "\n"), "  ")))
	}
	fmt.Fprintln(w, ".fi\n.RE")
}

// Bold returns the source of bold text.
func Bold(text string) string { return bold(text) }

func bold(text string) string   { return `\fB` + escape(text) + `\fR` }
func italic(text string) string { return `\fI` + escape(text) + `\fR` }

var special = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "'", `\(aq`, `"`,
	`\(dq`)

// escape makes source of text. Without it quotes and dashes become typographic ones, which nobody can paste.
func escape(text string) string { return special.Replace(text) }

// protect keeps a line from being read as a macro.
func protect(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

func quote(text string) string { return `"` + escape(text) + `"` }
