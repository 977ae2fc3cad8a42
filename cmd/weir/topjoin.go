// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
	"github.com/weirnet/weir/internal/top"
)

// joinedTop is a view of the running weir.
type joinedTop struct {
	view   *top.View
	socket string
	missed atomic.Uint64 // records

	mu     sync.Mutex
	status control.Status // the last one
	ended  bool           // the stream has ended, and is not open again
}

// socketPath returns the path of a setting of the control socket.
func socketPath(setting string) string {
	if setting == "" {
		return control.DefaultPath()
	}
	return setting
}

// joinTop shows what the running weir sees. Its error is control.ErrNotRunning if none answers.
func joinTop(ctx context.Context, socket string, duration time.Duration, noColor bool) error {
	if socket == "none" {
		return control.ErrNotRunning
	}
	j := &joinedTop{socket: socket}
	in, err := j.follow(nil)
	if errors.Is(err, control.ErrNotRunning) {
		return err
	}
	if err != nil {
		return partialError{fmt.Errorf("join the running weir (--own captures instead): %w", err)}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	if duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration)
		defer cancel()
	}
	tuneMemory()
	j.view = newView(noColor, true)
	j.view.SetWhy(j.why)
	if err := j.begin(); err != nil {
		in.Close()
		return partialError{err}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { j.read(ctx, in) })
	running.Go(func() { j.ask(ctx) })
	running.Go(func() { j.tick(ctx) })
	err = j.view.Run(ctx)
	cancel()
	running.Wait()
	if err != nil {
		return partialError{err}
	}
	return nil
}

// follow requests the records to come, or those after a position.
func (j *joinedTop) follow(after *control.Position) (*control.Stream, error) {
	return control.Follow(j.socket, &control.Flows{Follow: true, EveryMillis: time.Second.Milliseconds(), After: after})
}

// mostPast is how many records of the past a view asks for: all that an agent remembers.
const mostPast = 4096

// begin shows what the agent remembers. The stream is open already: what comes twice counts once.
func (j *joinedTop) begin() error {
	if err := j.update(); err != nil {
		return err
	}
	answer, err := control.Ask(j.socket, &control.Request{History: true})
	if err != nil {
		return err
	}
	var past tally.Past
	if err := json.Unmarshal(answer.History, &past); err != nil {
		return fmt.Errorf("read weir's answer: %w", err)
	}
	j.view.Seed(&past, time.Now())
	in, err := control.Follow(j.socket, &control.Flows{Last: mostPast})
	if err != nil {
		return err
	}
	defer in.Close()
	return readRecords(in, takes(func(f *record.Flow) error {
		j.view.Past(f)
		return nil
	}), nil)
}

// takes is a flowTaker of one function.
type takes func(*record.Flow) error

func (t takes) flow(f *record.Flow) error { return t(f) }

// update asks for the devices and the status.
func (j *joinedTop) update() error {
	answer, err := control.Ask(j.socket, &control.Request{Hosts: true})
	if err != nil {
		return err
	}
	var all []hosts.Host
	if err := json.Unmarshal(answer.Hosts, &all); err != nil {
		return fmt.Errorf("read weir's answer: %w", err)
	}
	j.view.SetDevices(topDevices(all))
	if answer, err = control.Ask(j.socket, &control.Request{Status: true}); err != nil {
		return nil // one that has only just started has none
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return json.Unmarshal(answer.Status, &j.status)
}

// ask updates every few seconds.
func (j *joinedTop) ask(ctx context.Context) {
	every := time.NewTicker(hostsEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			_ = j.update() // the stream's end says it too
		}
	}
}

// tick draws every second.
func (j *joinedTop) tick(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		j.view.Tick(time.Now(), j.summary())
		select {
		case <-ctx.Done():
			return
		case <-second.C:
		}
	}
}

// summary returns the head of the screen.
func (j *joinedTop) summary() top.Summary {
	j.mu.Lock()
	defer j.mu.Unlock()
	return top.Summary{Mode: j.status.Mode, Interfaces: j.status.Interfaces, Joined: true, Ended: j.ended,
		Running: time.Duration(j.status.Seconds) * time.Second, Missed: j.missed.Load()}
}

// read passes the stream's records on. When it ends, weir may be starting again: it goes on as soon as one answers.
func (j *joinedTop) read(ctx context.Context, in *control.Stream) {
	at := in.Hello.Position
	for ctx.Err() == nil {
		if in != nil {
			stop := context.AfterFunc(ctx, func() { in.Close() })
			_ = readRecords(in, takes(j.view.Flow), func(other *otherLine) { // its end, or a line that broke
				switch other.Type {
				case "dropped":
					j.missed.Add(other.Records)
				case "position":
					at = other.Position
				}
			})
			stop()
			in.Close()
		}
		var err error
		in, err = j.follow(&at)
		j.setEnded(err != nil)
		if err != nil {
			in = nil
			pause(ctx, time.Second)
		}
	}
	if in != nil {
		in.Close()
	}
}

func (j *joinedTop) setEnded(is bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = is
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-ctx.Done():
	case <-over.C:
	}
}

// why explains a flow.
func (j *joinedTop) why(id string) ([]string, error) {
	answer, err := control.Ask(j.socket, &control.Request{Explain: id})
	if err != nil {
		return nil, err
	}
	return answer.Lines, nil
}
