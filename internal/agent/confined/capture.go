// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"fmt"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/helper"
)

// capturer is the confined half of a mode.
type capturer interface {
	// start begins to read.
	start() error
	linkCapture
	// stop ends the reading: what is there is still read, and all flows end. The engine's totals are then final.
	stop() error
	// failed is closed when reading has ended by itself.
	failed() <-chan struct{}
	status(*Status)
	// handovers are the workers', until stop.
	handovers() <-chan *engine.Handover
	err() error
	// progress goes up while there is something to be read.
	progress() uint64
}

// captureConfig is what a capture is made of.
type captureConfig struct {
	options     *agent.Options
	engine      engine.Config
	setup       *agent.Setup
	descriptors []int // of the mode
	helper      *helper.Client
	lost        func(index uint32, isCurrent func() bool) // links.lost
	quit        <-chan struct{}                           // see links
}

func newCapturer(mode string, c captureConfig) (capturer, error) {
	switch mode {
	case agent.ModeEBPF:
		return newEBPF(c)
	case agent.ModeAFPacket:
		return newAFPacket(c)
	case agent.ModeLibpcap:
		return newLibpcap(c)
	}
	return nil, fmt.Errorf("unknown mode %q", mode)
}
