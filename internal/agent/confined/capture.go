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
	// start begins reading.
	start() error
	linkCapture
	// stop ends the reading: it reads what has come, and ends all flows. The engine's totals are then final.
	stop() error
	// failed is closed when reading ends by itself.
	failed() <-chan struct{}
	status(*Status)
	// traffic returns a watched link's traffic, for one reader.
	traffic(index uint32) Traffic
	// handovers carries the workers' records and ends with stop.
	handovers() <-chan *engine.Handover
	err() error
	// progress grows while there are packets to read.
	progress() uint64
}

// captureConfig configures a capturer.
type captureConfig struct {
	options     *agent.Options
	engine      engine.Config
	setup       *agent.Setup
	descriptors []int // the mode's
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
