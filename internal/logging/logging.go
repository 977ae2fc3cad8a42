// SPDX-License-Identifier: Apache-2.0

// Package logging writes what weir tells people, by log/slog: plain lines, or JSON. It lets only so many messages of a
// kind pass, and then says how many it left out. Any goroutine may use a Logger.
package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Formats of messages.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// Options configure a Logger.
type Options struct {
	Format string // FormatText, FormatJSON; "": FormatText
	Level  string // debug, info, warn or error; "": info
	// Program begins each plain line; Process says in JSON which of the program's processes writes.
	Program, Process string
}

// Logger writes messages. A nil Logger writes none.
type Logger struct {
	out     io.Writer
	mu      sync.Mutex // guards writing
	handler slog.Handler
	level   slog.LevelVar
	options Options
	texts   limiter
	formats limiter
	// isJournal: plain lines begin with their priority.
	isJournal bool
}

// New returns a Logger that writes to out. If that is systemd's journal, plain lines begin with their priority.
func New(out io.Writer, o Options) (*Logger, error) {
	l := &Logger{out: out, options: o}
	if err := l.SetLevel(o.Level); err != nil {
		return nil, err
	}
	if f, ok := out.(*os.File); ok {
		l.isJournal = isJournal(f)
	}
	switch o.Format {
	case "", FormatText:
		l.handler = &textHandler{logger: l}
	case FormatJSON:
		l.handler = slog.NewJSONHandler(out, &slog.HandlerOptions{Level: &l.level})
		if o.Process != "" {
			l.handler = l.handler.WithAttrs([]slog.Attr{slog.String("process", o.Process)})
		}
	default:
		return nil, fmt.Errorf("log format %q: must be text or json", o.Format)
	}
	l.limit()
	return l, nil
}

// To returns a Logger that hands each message to f, as if by fmt.Sprintf's arguments: for screens and tests.
func To(f func(format string, args ...any)) *Logger {
	l := &Logger{handler: funcHandler(f)}
	l.limit()
	return l
}

func (l *Logger) limit() {
	l.texts = limiter{burst: sameText, tell: l.write}
	l.formats = limiter{burst: sameFormat, tell: l.write}
}

// SetLevel changes the least level that is written.
func (l *Logger) SetLevel(text string) error {
	if text == "" {
		text = "info"
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("log level %q: must be debug, info, warn or error", text)
	}
	l.level.Set(level)
	return nil
}

// Debugf writes what only helps to find a fault.
func (l *Logger) Debugf(format string, args ...any) { l.log(slog.LevelDebug, format, args) }

// Infof writes what is as it should be.
func (l *Logger) Infof(format string, args ...any) { l.log(slog.LevelInfo, format, args) }

// Warnf writes what should be otherwise; weir goes on.
func (l *Logger) Warnf(format string, args ...any) { l.log(slog.LevelWarn, format, args) }

// Errorf writes what ended weir, or a part of it.
func (l *Logger) Errorf(format string, args ...any) { l.log(slog.LevelError, format, args) }

func (l *Logger) log(level slog.Level, format string, args []any) {
	if l == nil || level < l.level.Level() {
		return
	}
	text := fmt.Sprintf(format, args...)
	now := time.Now()
	if l.texts.take(text, level, text, now) && l.formats.take(format, level, text, now) {
		l.write(level, text, 0)
	}
}

// write writes a message; omitted counts those that it stands for.
func (l *Logger) write(level slog.Level, text string, omitted int) {
	r := slog.NewRecord(time.Now(), level, text, 0)
	if omitted > 0 {
		r.AddAttrs(slog.Int("omitted", omitted))
	}
	_ = l.handler.Handle(context.Background(), r) // where could weir report that standard error is closed?
}

// Flush tells what was left out up to now; the end of a program calls it.
func (l *Logger) Flush() {
	if l != nil {
		l.texts.flush()
		l.formats.flush()
	}
}

// Args returns the flags that give another process of weir the same format and level, see package config.
func (l *Logger) Args() []string {
	if l == nil {
		return nil
	}
	return []string{"--log-format=" + or(l.options.Format, FormatText), "--log-level=" + l.Level()}
}

// Level returns the name of the least level that is written.
func (l *Logger) Level() string { return strings.ToLower(l.level.Level().String()) }

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// textHandler writes lines for people: the program's name, a colon, and the message.
type textHandler struct{ logger *Logger }

func (*textHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes one line for each line of the message.
func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	for line := range strings.Lines(r.Message) {
		if h.logger.isJournal {
			fmt.Fprintf(&b, "<%d>", priority(r.Level))
		}
		b.WriteString(h.logger.options.Program + ": " + strings.Map(printable, strings.TrimSuffix(line, "\n")) + "\n")
	}
	h.logger.mu.Lock()
	defer h.logger.mu.Unlock()
	_, err := io.WriteString(h.logger.out, b.String())
	return err
}

// WithAttrs and WithGroup change nothing: a plain line is its message.
func (h *textHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup is as WithAttrs.
func (h *textHandler) WithGroup(string) slog.Handler { return h }

// printable replaces what could command a terminal: parts of messages come from the network.
func printable(r rune) rune {
	if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
		return '?'
	}
	return r
}

// priority returns the level of syslog (RFC 5424, section 6.2.1).
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}

// isJournal reports whether a file is systemd's journal, which takes a line's priority from a number in angle brackets
// before it (sd-daemon(3)). JOURNAL_STREAM has device and inode of its stream (systemd.exec(5)).
func isJournal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	device, inode, ok := identity(info)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", device, inode)
}

// funcHandler hands each message to a function.
type funcHandler func(format string, args ...any)

// Enabled accepts all levels.
func (funcHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle hands a message on.
func (f funcHandler) Handle(_ context.Context, r slog.Record) error {
	f("%s", r.Message)
	return nil
}

// WithAttrs and WithGroup change nothing.
func (f funcHandler) WithAttrs([]slog.Attr) slog.Handler { return f }

// WithGroup is as WithAttrs.
func (f funcHandler) WithGroup(string) slog.Handler { return f }
