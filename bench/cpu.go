// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
)

// Loads of the trace of short flows, half of whose packets a program has to inspect, and of large transfers.
const (
	loadPackets = 300_000
	loadRate    = 200_000 // packets a second
	// roundTrip is how often a packet of a short flow comes, per second: no sooner than answers on a path of 50 ms
	roundTrip = 20
	// loads is the number of loads sent to measure the cost of all but the first: programs grow into their memory with
	// the first, and the cost of starting and ending is in both.
	loads = 5
)

// mixedLoad takes packets of both traces in turn, one of short flows in share. The short flows keep changing, the large
// transfers go on.
func mixedLoad(testdata string, share int) ([][]byte, error) {
	talks, err := conversations(testdata)
	if err != nil {
		return nil, err
	}
	short, elephant := &tracer{most: loads * loadPackets / share}, &tracer{most: loadPackets}
	shortTrace(short, talks, loadRate/share/roundTrip)
	elephantTrace(elephant, talks)
	frames := make([][]byte, loads*loadPackets)
	for n := range frames {
		if n%share == 0 {
			frames[n] = short.kept[n/share]
		} else {
			frames[n] = elephant.kept[n%loadPackets]
		}
	}
	return frames, nil
}

// measureCPU compares the CPU time of programs for the same packets on a veth pair.
func measureCPU(t *table, weir, testdata string, runs int) error {
	var a, b *lab.Host
	l := makeLab(t, "user CPU", func() (l *lab.Lab, err error) { l, a, b, err = lab.MakePair(); return l, err })
	if l == nil {
		return nil
	}
	defer l.Close()
	observers := present(t, weirOn(weir, "eth0"), observer{"ndpiReader -i", []string{"ndpiReader", "-q", "-i", "eth0"}})
	for _, load := range []struct {
		name  string
		share int // one packet in this many is a short flow's
		goal  float64
	}{
		{"a mixed load: 1 packet in 20 of short flows", 20, 0.15},
		{"1 packet in 5 of short flows", 5, 0},
	} {
		frames, err := mixedLoad(testdata, load.share)
		if err != nil {
			return err
		}
		user, system, err := cpuTimes(observers, a, b, frames, runs)
		if err != nil {
			return err
		}
		for i, o := range observers {
			t.figure(fmt.Sprintf("user CPU for a million packets, %s: %s", load.name, o.name), 0, "s", user[i])
			t.figure("… and system CPU", 0, "s", system[i])
		}
		for i, o := range observers[1:] {
			t.figure("… user CPU of weir to that of "+o.name, load.goal, "×", quotients(user[0], user[i+1]))
		}
	}
	return nil
}

// cpuTimes returns the CPU seconds of each observer for a million packets, in turn, after the start.
func cpuTimes(observers []observer, a, b *lab.Host, frames [][]byte, runs int) (user, system [][]float64, err error) {
	const millions = (loads - 1) * loadPackets / 1e6
	user, system = make([][]float64, len(observers)), make([][]float64, len(observers))
	for range runs {
		for i, o := range observers {
			var first, all cpuTime
			if first, err = cpuOf(o, a, b, frames[:loadPackets]); err == nil {
				all, err = cpuOf(o, a, b, frames)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", o.name, err)
			}
			user[i] = append(user[i], (all.user-first.user)/millions)
			system[i] = append(system[i], (all.system-first.system)/millions)
		}
	}
	return user, system, nil
}

// cpuOf returns the CPU time of an observer of b while a sends.
func cpuOf(o observer, a, b *lab.Host, frames [][]byte) (cpuTime, error) {
	w, err := o.start(b)
	if err != nil {
		return cpuTime{}, err
	}
	_, err = a.SendFrames(context.Background(), "eth0", frames, lab.Sending{Rate: loadRate})
	unmeasured(200 * time.Millisecond) // until it has read its buffers
	_, took, stopErr := w.stop()
	return took, errors.Join(err, stopErr)
}

func quotients(a, b []float64) []float64 {
	q := make([]float64, len(a))
	for i := range a {
		q[i] = a[i] / b[i]
	}
	return q
}
