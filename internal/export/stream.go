// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/record"
)

// follower reads a stream of the agent's records, for all outputs that want the same.
type follower struct {
	stream
	queues []*Queue
	follow func(*control.Flows) (*control.Stream, error)
	log    *logging.Logger

	position control.Position // of the newest record

	// dropped counts the records that the agent dropped on the way here, unread lines that are no record.
	dropped, unread *atomic.Uint64
}

// pastRecords is the number of records that the agent remembers at least: those since its start, if it has only just
// started.
const pastRecords = 4096

// The waits before the stream is requested again, while the agent begins, or after it has given this process up.
const (
	firstRequest = 50 * time.Millisecond
	lastRequest  = 2 * time.Second
)

// run reads until ended is closed and the agent sends nothing more. With isFirst it begins with all that the agent
// remembers.
func (f *follower) run(isFirst bool, ended <-chan struct{}) {
	defer func() {
		for _, q := range f.queues {
			q.Close()
		}
	}()
	request := &control.Flows{Filter: f.where, Types: strings.Split(f.types, ","), Ended: !f.live, Follow: true}
	if isFirst {
		request.Last = pastRecords
	}
	wait := firstRequest
	for {
		in, err := f.follow(request)
		if err == nil {
			request.Last, wait = 0, firstRequest
			f.position = in.Hello.Position // from which the next request resumes
			err = f.read(in)
			request.After = &f.position
		}
		if errors.Is(err, errEnds) {
			return
		}
		t := time.NewTimer(rand.N(wait))
		select {
		case <-ended:
			t.Stop()
			return
		case <-t.C:
		}
		if wait = min(2*wait, lastRequest); wait == lastRequest && err != nil {
			f.log.Warnf("export: %v; trying again", err)
		}
	}
}

// read puts the records that come into the queues, until the stream ends.
func (f *follower) read(in io.ReadCloser) error {
	defer in.Close()
	for lines := record.NewLines(in); ; {
		line, err := lines.Next()
		if err != nil {
			return err
		}
		f.line(line)
	}
}

// line puts a record into the queues.
func (f *follower) line(line []byte) {
	r, other, err := readRecord(line)
	switch {
	case err != nil:
		f.unread.Add(1)
	case r == nil:
		f.dropped.Add(other.Records)
		if other.Type == "position" {
			f.position = other.Position
		}
	default:
		for _, q := range f.queues {
			q.Put(r)
		}
	}
}

// flowBegin is what the agent begins the line of a flow with.
var flowBegin = []byte(`{"type":"flow",`)

// notice is a line of the stream that is no record: what the agent dropped in its place, or the position.
type notice struct {
	Type    string
	Records uint64
	control.Position
}

// readRecord makes a record of a line, which it copies; or returns what else the line is.
func readRecord(line []byte) (r *Record, other notice, err error) {
	r = &Record{Type: "flow"}
	if !bytes.HasPrefix(line, flowBegin) {
		if err := json.Unmarshal(line, &other); err != nil {
			return nil, other, err
		}
		switch r.Type = other.Type; other.Type {
		case "dropped", "position":
			return nil, other, nil
		case "":
			return nil, other, errors.New("a line without a type")
		}
	}
	if r.Type == "flow" {
		r.Flow = new(record.Flow)
		if err := r.Flow.Read(line); err != nil {
			return nil, other, err
		}
	}
	r.Line = bytes.Clone(line)
	return r, other, nil
}
