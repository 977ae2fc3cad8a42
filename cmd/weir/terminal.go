// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// terminalWidth returns the columns of the terminal behind w, 0 if w is not a terminal.
func terminalWidth(w io.Writer) int {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return max(int(size.Col), 40)
}

// writeSentences writes lines, broken between words where a terminal is too narrow for them.
func writeSentences(w io.Writer, lines ...string) error {
	width := terminalWidth(w)
	for _, line := range lines {
		if width > 0 {
			line = breakLine(line, width)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// breakLine breaks a line between words into lines of at most width characters, as far as words allow. Those after the
// first are indented by two spaces more than that.
func breakLine(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line // its spaces may align it with others
	}
	words := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(words)]
	var b strings.Builder
	b.WriteString(indent)
	used, isFirst := len(indent), true
	for word := range strings.FieldsSeq(words) {
		length := utf8.RuneCountInString(word)
		switch {
		case isFirst:
		case used+1+length > width:
			b.WriteString("\n" + indent + "  ")
			used = len(indent) + 2
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used, isFirst = used+length, false
	}
	return b.String()
}

// progress draws a bar on a terminal; elsewhere it does nothing.
type progress struct {
	out          io.Writer
	width        int
	size, before int64
	began, drawn time.Time
	shown        bool
}

func newProgress(stderr io.Writer, off bool) *progress {
	p := &progress{out: stderr, began: time.Now()}
	if !off {
		p.width = terminalWidth(stderr)
	}
	return p
}

// begin sets the size of all files, and of those before the next one, in bytes.
func (p *progress) begin(size, before int64) { p.size, p.before = size, before }

// update draws at most ten times a second.
func (p *progress) update(offset int64, frames int) {
	now := time.Now()
	if p.width == 0 || now.Sub(p.drawn) < 100*time.Millisecond || now.Sub(p.began) < 500*time.Millisecond {
		return
	}
	p.drawn, p.shown = now, true
	seconds := now.Sub(p.began).Seconds()
	done := p.before + offset
	if p.size == 0 {
		fmt.Fprintf(p.out, "\r\x1b[K%d packets, %.0f a second", frames, float64(frames)/seconds)
		return
	}
	share := min(float64(done)/float64(p.size), 1)
	const bar = 20
	full := int(share * bar)
	left := time.Duration(seconds / max(share, 1e-6) * (1 - share) * 1e9).Round(time.Second)
	fmt.Fprintf(p.out, "\r\x1b[K[%.*s%.*s] %3.0f %%  %.2f M packets/s  %s left", full, "####################", bar-full,
		"....................", share*100, float64(frames)/seconds/1e6, left)
}

// clear removes the bar.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
