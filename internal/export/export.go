// SPDX-License-Identifier: Apache-2.0

// Package export is the process export: it takes records from the running agent as any other command does, and gives
// them to outputs and listeners. It reads no packet, and has no right but its folders and the network.
//
// An output is a Kind in a package of its own (internal/export/file), which internal/export/outputs lists. Each output
// has a bounded queue and a goroutine, so that none can stall another: see Queue and runner.
//
// A listener is a Server, which Options.Servers lists. Its Run opens its sockets, and serves until the context ends. It
// gets records by Feed.Follow, one stream of the agent for as many clients as it likes to share it with, puts them into
// a Queue for each client, and asks the agent questions by Feed.Ask.
package export

import (
	"context"
	"errors"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/record"
)

// Record is a line of the agent's stream, which all outputs share: they only read it.
type Record struct {
	Type string       // flow, dns, http, tls, stats
	Line []byte       // the JSON, without the line's end
	Flow *record.Flow // of type flow, else nil
}

// Types of records.
var Types = []string{"flow", "dns", "http", "tls", "stats"}

// Output takes records. One goroutine calls it.
type Output interface {
	// Write writes records. After an error they are lost, and counted, and the next ones come anyway. After a
	// RetryError those that are not done come again; after a LostError only some are lost.
	Write(ctx context.Context, records []*Record) error
	Close() error
}

// Reopener is an Output that opens its files anew when another program has moved them. Any goroutine may call Reopen.
type Reopener interface{ Reopen() }

// RetryError is an error after which Write shall be called again, with those records that come after the first Done:
// the peer is away, or the disk is full. Meanwhile the output's queue drops the oldest.
type RetryError struct {
	Err  error
	Done int // records that shall not come again
	Lost int // of these, records that can't be written
}

func (e *RetryError) Error() string { return e.Err.Error() }

func (e *RetryError) Unwrap() error { return e.Err }

// LostError is an error of Write that concerns some of the records only: the others are written.
type LostError struct {
	Err  error
	Lost int
}

func (e *LostError) Error() string { return e.Err.Error() }

func (e *LostError) Unwrap() error { return e.Err }

// Retry returns a RetryError.
func Retry(done int, err error) error { return &RetryError{Err: err, Done: done} }

// Server is a listener.
type Server interface {
	// Run serves until ctx ends. The process ends with its error: a listener that cannot listen is no listener.
	Run(ctx context.Context, f Feed) error
	// State says how it is. Any goroutine may call it.
	State() control.ListenerState
}

// Feed is what a Server has of the agent. Any goroutine may call it.
type Feed interface {
	// Follow requests records of the agent, a line of JSON each, until in is closed, or the agent ends.
	Follow(f *control.Flows) (*control.Stream, error)
	// Ask asks the agent what any other command may ask.
	Ask(r *control.Request) (*control.Answer, error)
	// States returns what becomes of the records of each output.
	States() []control.OutputState
	// Logger writes lines for people.
	Logger() *logging.Logger
}

// errEnds means that the process is about to end.
var errEnds = errors.New("weir is about to end")
