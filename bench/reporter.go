// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/status"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// measureReporter compares the memory of an idle agent that reports to a sink with that of one that does not.
func measureReporter(t *table, weir, sink, folder string, runs int) error {
	var b *lab.Host
	l := makeLab(t, "memory of an agent that reports",
		func() (l *lab.Lab, err error) { l, _, b, err = lab.MakePair(); return l, err })
	if l == nil {
		return nil
	}
	defer l.Close()
	data, state := filepath.Join(folder, "idle-sink"), filepath.Join(folder, "agent")
	client, err := enrolIn(b, weir, sink, data, state)
	if err != nil {
		return err
	}
	var with, without []resident
	for range runs {
		begin := time.Now()
		reporting := weirOn(weir, "eth0").with("--uplink", "on", "--report-every", "5s", "--state-dir", state)
		one, err := idleMemory(b, reporting, 3, func() error { return hasReports(client, 3) })
		if err != nil {
			return err
		}
		took := time.Since(begin)
		with = append(with, one)
		one, err = idleMemory(b, weirOn(weir, "eth0").with("--uplink", "off"), 2,
			func() error { unmeasured(took); return nil })
		if err != nil {
			return err
		}
		without = append(without, one)
	}
	of := func(r []resident, figure func(resident) float64) []float64 { return each(r, figure) }
	rss, pss := func(r resident) float64 { return r.rss }, func(r resident) float64 { return r.pss }
	for _, kind := range []struct {
		what   string
		figure func(resident) float64
		goal   float64
	}{{"resident memory of its processes", rss, 15}, {"pages of all counted once (PSS)", pss, 0}} {
		on, off := of(with, kind.figure), of(without, kind.figure)
		t.figure("an idle agent that reports, "+kind.what, 0, "MiB", on)
		t.figure("… the same agent without reports", 0, "MiB", off)
		t.figure("more for reports, "+kind.what, kind.goal, "MiB", differences(on, off))
	}
	return nil
}

func differences(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

// with returns the observer with more arguments.
func (o observer) with(more ...string) observer {
	return observer{o.name, append(o.command[:len(o.command):len(o.command)], more...)}
}

// enrolIn starts a sink in a host, and makes the agent of a state folder known to it.
func enrolIn(h *lab.Host, weir, sink, data, state string) (*control.Client, error) {
	said := &program.Text{}
	serve := exec.Command(sink, "serve", "--data", data)
	serve.Stdout, serve.Stderr = said, said
	if _, err := h.Start(serve); err != nil { // the lab's end ends it
		return nil, err
	}
	client := control.Dial(data)
	var code control.Code
	isThere := wait.Reached(func() (is bool) {
		var err error
		code, err = client.NewCode(context.Background(), "gateway")
		return err == nil
	})
	if !isThere {
		return nil, fmt.Errorf("weir-sink does not answer: %s", said)
	}
	command := append(strings.Fields(code.Command)[1:], "--state-dir", state)
	if text, err := h.Run(context.Background(), weir, command...); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return client, nil
}

var errNoReports = errors.New("the agent's reports do not come")

// hasReports waits until so many more reports have come.
func hasReports(sink *control.Client, more uint64) error {
	var first, now status.Snapshot
	ask := func(to *status.Snapshot) error { return sink.Get(context.Background(), "/api/v1/status", to) }
	if err := ask(&first); err != nil {
		return err
	}
	var err error
	came := wait.Within(time.Minute, func() bool {
		err = ask(&now)
		return err != nil || now.Received >= first.Received+more
	})
	if err == nil && !came {
		err = errNoReports
	}
	return err
}

// idleMemory returns an agent's memory after a wait.
func idleMemory(h *lab.Host, o observer, processes int, idle func() error) (r resident, err error) {
	w, err := o.start(h)
	if err != nil {
		return r, err
	}
	if err = idle(); err == nil {
		r, err = residentOf(w.Process.Process.Pid, processes)
	}
	text, _, stopErr := w.stop()
	if err = errors.Join(err, stopErr); err != nil {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return r, err
}
