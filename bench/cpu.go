// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirnet/weir/internal/lab"
)

// Loads of the trace of short flows, half of whose packets a program has to look into, and of large transfers.
const (
	loadPackets = 300_000
	loadRate    = 200_000 // packets a second
	// roundTrip is how often a packet of a short flow comes, per second: no sooner than answers take on a path of 50 ms.
	roundTrip = 20
)

// mixedLoad takes the packets of both traces in turn; share is that of short flows.
func mixedLoad(testdata string, share int) ([][]byte, error) {
	talks, err := conversations(testdata)
	if err != nil {
		return nil, err
	}
	short, elephant := &tracer{most: loadPackets / share}, &tracer{most: loadPackets - loadPackets/share}
	shortTrace(short, talks, loadRate/share/roundTrip)
	elephantTrace(elephant, talks)
	var frames [][]byte
	for n := range loadPackets {
		from := &elephant.kept
		if n%share == 0 {
			from = &short.kept
		}
		frames = append(frames, (*from)[0])
		*from = (*from)[1:]
	}
	return frames, nil
}

// measureCPU compares the CPU time that programs take for the same packets on a veth pair. What they take for starting and ending
// is measured without packets and taken off.
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
		share int // one packet of so many is a short flow's
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

// cpuTimes are the CPU seconds of each observer for a million packets, in turn.
func cpuTimes(observers []observer, a, b *lab.Host, frames [][]byte, runs int) (user, system [][]float64, err error) {
	user, system = make([][]float64, len(observers)), make([][]float64, len(observers))
	for range runs {
		for i, o := range observers {
			var busy, idle cpuTime
			if idle, err = cpuOf(o, a, b, nil); err == nil {
				busy, err = cpuOf(o, a, b, frames)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", o.name, err)
			}
			user[i] = append(user[i], (busy.user-idle.user)/loadPackets*1e6)
			system[i] = append(system[i], (busy.system-idle.system)/loadPackets*1e6)
		}
	}
	return user, system, nil
}

// cpuOf is what an observer of b takes while a sends, or while nothing is sent for the same time.
func cpuOf(o observer, a, b *lab.Host, frames [][]byte) (cpuTime, error) {
	w, err := o.start(b)
	if err != nil {
		return cpuTime{}, err
	}
	if frames == nil {
		time.Sleep(200 * time.Millisecond)
	} else {
		_, err = a.SendFrames(context.Background(), "eth0", frames, lab.Sending{Rate: loadRate})
		time.Sleep(200 * time.Millisecond) // for what is in its buffers
	}
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
