// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// buffer is a bytes.Buffer that timers may write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(text)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

func logger(t *testing.T, o Options) (*Logger, *buffer) {
	t.Helper()
	var b buffer
	l, err := New(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	return l, &b
}

func TestPlainLines(t *testing.T) {
	l, b := logger(t, Options{Program: "weir"})
	l.Debugf("not shown")
	l.Infof("watching %s", "lan0")
	l.Warnf("%v", errors.New("two\nlines, \x1b[31mred"))
	if got, want := b.String(), "weir: watching lan0\nweir: two\nweir: lines, ?[31mred\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJournalGetsPriorities(t *testing.T) {
	l, b := logger(t, Options{Program: "weir", Level: "debug"})
	l.isJournal = true
	l.Debugf("a")
	l.Infof("b")
	l.Warnf("c")
	l.Errorf("d")
	if got, want := b.String(), "<7>weir: a\n<6>weir: b\n<4>weir: c\n<3>weir: d\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIsJournal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	device, inode, _ := identity(info)
	for stream, want := range map[string]bool{"": false, fmt.Sprintf("%d:%d", device, inode): true, "1:2": false} {
		t.Setenv("JOURNAL_STREAM", stream)
		if isJournal(f) != want {
			t.Errorf("JOURNAL_STREAM=%s: %t", stream, !want)
		}
	}
}

// line is one message in JSON.
type line struct {
	Time                time.Time
	Level, Msg, Process string
	Omitted             int
}

func lines(t *testing.T, b *buffer) (all []line) {
	t.Helper()
	for text := range strings.Lines(b.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		all = append(all, l)
	}
	return all
}

func TestJSON(t *testing.T) {
	l, b := logger(t, Options{Format: FormatJSON, Process: "agent"})
	l.Debugf("not shown")
	l.Warnf("a \"b\"\nc %d", 1)
	got := lines(t, b)
	if len(got) != 1 || got[0].Level != "WARN" || got[0].Msg != "a \"b\"\nc 1" || got[0].Process != "agent" ||
		got[0].Time.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestLevels(t *testing.T) {
	l, b := logger(t, Options{Program: "weir", Level: "warn"})
	l.Infof("a")
	l.Warnf("b")
	if err := l.SetLevel("debug"); err != nil {
		t.Fatal(err)
	}
	l.Debugf("c")
	if got, want := b.String(), "weir: b\nweir: c\n"; got != want || l.Level() != "debug" {
		t.Errorf("got %q, level %s", got, l.Level())
	}
	if l.SetLevel("loud") == nil || l.Level() != "debug" {
		t.Error("level loud was accepted")
	}
	if _, err := New(b, Options{Format: "xml"}); err == nil {
		t.Error("format xml was accepted")
	}
}

func TestNilWritesNothing(t *testing.T) {
	var l *Logger
	l.Infof("a")
	l.Flush()
}

// TestRepetitionIsCounted repeats a message, as a flapping link would, and its format, as links would that come and go.
func TestRepetitionIsCounted(t *testing.T) {
	t.Run("text", func(t *testing.T) { repeat(t, repetition{burst: sameText, step: 0}) })
	t.Run("format", func(t *testing.T) { repeat(t, repetition{burst: sameFormat, step: 1}) })
}

type repetition struct{ burst, step int }

func repeat(t *testing.T, c repetition) {
	synctest.Test(t, func(t *testing.T) {
		l, b := logger(t, Options{Format: FormatJSON})
		for i := range 3 * c.burst {
			l.Infof("watching veth%d", i*c.step)
		}
		l.Warnf("something else")
		if got := lines(t, b); len(got) != c.burst+1 || got[c.burst].Msg != "something else" {
			t.Fatalf("%d lines: %+v", len(got), got)
		}
		b.Reset()
		time.Sleep(window)
		synctest.Wait()
		got := lines(t, b)
		if len(got) != 1 || got[0].Omitted != 2*c.burst ||
			got[0].Msg != fmt.Sprintf("%d more such messages were left out; the last one: watching veth%d", 2*c.burst,
				(3*c.burst-1)*c.step) {
			t.Fatalf("%+v", got)
		}
		b.Reset()
		l.Infof("watching veth%d", 1)
		if got := lines(t, b); len(got) != 1 {
			t.Errorf("a new window begins with %+v", got)
		}
	})
}

// TestFewRepetitionsPass sends fewer than the limit in each window, for long.
func TestFewRepetitionsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := logger(t, Options{Format: FormatJSON})
		for range 10 * sameText {
			l.Infof("%s", "the same")
			time.Sleep(window/sameText + 1)
		}
		if got := lines(t, b); len(got) != 10*sameText {
			t.Errorf("%d lines", len(got))
		}
	})
}

func TestFlushTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := logger(t, Options{Format: FormatJSON})
		for range sameText + 5 {
			l.Warnf("%v", errors.New("broken"))
		}
		l.Flush()
		l.Flush()
		if got := lines(t, b); len(got) != sameText+1 || got[sameText].Omitted != 5 ||
			got[sameText].Level != "WARN" {
			t.Errorf("%+v", got)
		}
	})
}

// TestKindsAreBounded sends more texts than the limiter remembers: only their format limits the others.
func TestKindsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := logger(t, Options{Format: FormatJSON})
		for i := range 2 * sameFormat {
			l.Infof("%v", i)
		}
		if len(l.texts.kinds) > maxKinds {
			t.Errorf("%d kinds", len(l.texts.kinds))
		}
		if got := lines(t, b); len(got) != sameFormat {
			t.Errorf("%d lines", len(got))
		}
		b.Reset()
		time.Sleep(window)
		synctest.Wait()
		l.Infof("after the window")
		got := lines(t, b)
		if len(got) != 2 || got[0].Omitted != sameFormat || got[1].Msg != "after the window" {
			t.Errorf("%+v", got)
		}
		if len(l.texts.kinds) > maxKinds {
			t.Errorf("%d kinds after the window", len(l.texts.kinds))
		}
	})
}

func TestTo(t *testing.T) {
	var got []string
	l := To(func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) })
	l.Infof("100%% of %s", "it")
	if len(got) != 1 || got[0] != "100% of it" {
		t.Errorf("%q", got)
	}
}
