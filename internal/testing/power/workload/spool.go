// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/testing/power"
)

// Sizes of the spool's reports and of a small spool.
const (
	reportBytes = 12 << 10
	smallSpool  = 64 << 10
)

// runSpool works as the process ship does: it stores reports, each with what was lost before it, and takes off what
// the sink has.
func runSpool(folder string, isSmall bool) error {
	c := spool.Config{}
	if isSmall {
		c.MaxBytes = smallSpool
	}
	s, err := spool.Open(folder+"/spool", c)
	if err != nil {
		return err
	}
	if err := tellSpool(s); err != nil {
		return err
	}
	for {
		if err := put(s); err != nil {
			return err
		}
		if rand.N(3) == 0 {
			if err := send(s, 1+rand.N(4)); err != nil {
				return err
			}
		}
		if e := s.Stats().Error; e != "" {
			return errors.New(e)
		}
	}
}

// tellSpool says what the spool has after a boot.
func tellSpool(s *spool.Spool) error {
	all, err := s.Oldest(1<<20, 1<<30)
	if err != nil {
		return err
	}
	if stats := s.Stats(); stats.Damaged > 0 || stats.Error != "" {
		return fmt.Errorf("the spool has %d damaged files: %s", stats.Damaged, stats.Error)
	}
	for _, r := range all {
		said, err := said(&r)
		if err != nil {
			return err
		}
		say(said)
	}
	epoch, next := s.Identity()
	say(power.Said{Who: "agent", What: power.Ready, Epoch: epoch.String(), Sequence: next, Lost: ranges(s.Lost())})
	return nil
}

// said describes a report: a line with the losses that it tells, and bytes that fill it.
func said(r *spool.Report) (power.Said, error) {
	line, _, ok := strings.Cut(string(r.Body), "\n")
	s := power.Said{Who: "agent", What: power.Has, Epoch: r.Epoch.String(), Sequence: r.Sequence,
		Sum: crc32.Checksum(r.Body, castagnoli)}
	if err := json.Unmarshal([]byte(line), &s.Lost); !ok || err != nil {
		return s, fmt.Errorf("report %d is %q", r.Sequence, line)
	}
	return s, nil
}

func ranges(all []spool.Range) [][2]uint64 {
	simple := [][2]uint64{}
	for _, r := range all {
		simple = append(simple, [2]uint64{r.First, r.Last})
	}
	return simple
}

func put(s *spool.Spool) error {
	lost := s.Lost()
	body, err := json.Marshal(ranges(lost))
	if err != nil {
		return err
	}
	body = append(append(body, '\n'), random(rand.N(reportBytes))...)
	epoch, next := s.Identity()
	report := power.Said{Who: "agent", What: power.Stores, Epoch: epoch.String(), Sequence: next,
		Sum: crc32.Checksum(body, castagnoli), Lost: ranges(lost)}
	say(report)
	if err := s.Put(next, body, compress.None); err != nil {
		return err
	}
	report.What = power.Stored
	say(report)
	return s.Told(lost)
}

// send takes reports off: the sink has said yes.
func send(s *spool.Spool, count int) error {
	all, err := s.Oldest(count, 1<<20)
	if err != nil {
		return err
	}
	var names []spool.Name
	for _, r := range all {
		names = append(names, r.Name)
		say(power.Said{Who: "agent", What: power.Sends, Epoch: r.Epoch.String(), Sequence: r.Sequence})
	}
	if err := s.Done(names...); err != nil {
		return err
	}
	for _, n := range names {
		say(power.Said{Who: "agent", What: power.Sent, Epoch: n.Epoch.String(), Sequence: n.Sequence})
	}
	return nil
}
