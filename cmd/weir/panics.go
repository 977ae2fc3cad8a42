// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/logging"
)

// maxPanicFiles bounds the files in --panic-dir of one run, each with at most dissect.MaxStream bytes a direction: an
// attacker can send a packet that breaks a dissector a million times.
const maxPanicFiles = 100

// panicLog reports broken dissectors, once for each protocol, and saves the payload that broke them.
type panicLog struct {
	dir string // "": saves nothing
	log *logging.Logger

	mu     sync.Mutex // guards what the workers share
	times  map[string]int
	files  int
	failed bool // a file could not be written, which was reported
}

func newPanicLog(dir string, log *logging.Logger) *panicLog {
	return &panicLog{dir: dir, log: log, times: map[string]int{}}
}

// add takes one panic; the flow goes on without that dissector.
func (l *panicLog) add(protocol string, c *dissect.Conversation, cause any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.times[protocol]++; l.times[protocol] == 1 {
		l.log.Errorf("the %s dissector broke (%v); the flow goes on without it", protocol, cause)
	}
	if l.dir == "" || l.failed || l.files == maxPanicFiles {
		return
	}
	l.files++
	if err := l.save(protocol, c); err != nil {
		l.failed = true
		l.log.Errorf("save packet: %v", err)
	}
}

func (l *panicLog) save(protocol string, c *dissect.Conversation) error {
	f, err := os.CreateTemp(l.dir, "weir-"+filepath.Base(protocol)+"-*.bin")
	if err != nil {
		return err
	}
	var errs error
	write := func(b []byte) {
		_, err := f.Write(b)
		errs = errors.Join(errs, err)
	}
	if c.Transport == dissect.TCP {
		write(c.ToServer())
		write(c.ToClient())
	} else {
		for _, d := range c.Datagrams {
			write(d.Payload)
		}
	}
	return errors.Join(errs, f.Close())
}

// end reports what add did not.
func (l *panicLog) end() {
	all := 0
	for _, protocol := range slices.Sorted(maps.Keys(l.times)) {
		n := l.times[protocol]
		if all += n; n > 1 {
			l.log.Errorf("the %s dissector broke %d times", protocol, n)
		}
	}
	if l.files == maxPanicFiles && all > maxPanicFiles {
		l.log.Warnf("--panic-dir: saved %d times of %d", maxPanicFiles, all)
	}
}
