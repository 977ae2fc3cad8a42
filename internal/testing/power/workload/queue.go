// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/weirnet/weir/internal/sink/queue"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/testing/power"
)

// Sizes of the queue.
const (
	lineBytes    = 8 << 10
	segmentBytes = 64 << 10
	queueBytes   = 2 << 20
	agents       = 3
)

// runQueue works as a sink does: agents send at the same time, and the store takes what waits.
func runQueue(folder string, first uint64) error {
	q, err := queue.Open(queue.Config{Folder: folder + "/queue", MaxBytes: queueBytes, SegmentBytes: segmentBytes},
		func(r *store.Report) {
			r.Line, _ = queue.Unpack(r.Line)
			say(saidOf(power.Has, r))
		})
	if err != nil {
		return err
	}
	say(power.Said{Who: "sink", What: power.Ready})
	ended := make(chan error)
	wake := make(chan struct{}, 1)
	for n := range agents {
		go func() { ended <- receive(q, fmt.Sprint("agent", n), first, wake) }()
	}
	go func() { ended <- drain(q, wake) }()
	return <-ended
}

func saidOf(what power.What, r *store.Report) power.Said {
	return power.Said{Who: "sink", What: what, Epoch: r.Agent, Sequence: r.Sequence,
		Sum: crc32.Checksum(r.Line, castagnoli)}
}

// receive takes one agent's reports, a few at a time.
func receive(q *queue.Queue, agent string, next uint64, wake chan<- struct{}) error {
	for {
		var all []store.Report
		for range 1 + rand.N(3) {
			r := store.Report{Agent: agent, Epoch: "epoch", Sequence: next, Received: time.Now(),
				Line: fmt.Appendf(nil, "{%x}", random(1+rand.N(lineBytes)))} // which the queue can compress
			next++
			say(saidOf(power.Stores, &r))
			all = append(all, r)
		}
		for {
			err := q.Append(context.Background(), all)
			if err == nil {
				break
			}
			wake <- struct{}{}
			if !errors.Is(err, queue.ErrFull) {
				return err
			}
		}
		for i := range all {
			say(saidOf(power.Stored, &all[i]))
		}
		if rand.N(3) == 0 {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	}
}

// drain reads a batch each time that it is woken: now and then it is behind. Damage is what a cut left of reports that
// nobody was told of.
func drain(q *queue.Queue, wake <-chan struct{}) error {
	for range wake {
		b, err := q.Next(context.Background(), segmentBytes)
		if err != nil {
			return err
		}
		for i := range b.Reports { // from here on the store has them
			say(saidOf(power.Sends, &b.Reports[i]))
		}
		if err := q.Advance(b); err != nil {
			return err
		}
		for i := range b.Reports {
			say(saidOf(power.Sent, &b.Reports[i]))
		}
	}
	return nil
}
