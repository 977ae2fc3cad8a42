// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"fmt"
	"io"
	"os"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/record"
)

// leaver is a capturer whose flows can go on in another process: the one after a restart in place.
type leaver interface {
	// leave comes before stop, which then does not end the flows.
	leave()
	// left returns the flows, after stop and the last record.
	left() []byte
	// arrive takes over such flows, before start.
	arrive(state []byte, each func(id [32]byte, latest record.Counts)) error
}

// takeOver takes over the flows of the weir before this one. Without them the flows go on by the kernel's counters, and
// what was known of them is lost.
func (p *process) takeOver(named map[string]int) {
	if fd, ok := named[agent.DescriptorLeft]; ok {
		p.left = os.NewFile(uintptr(fd), agent.DescriptorLeft)
	}
	fd, hasFlows := named[agent.DescriptorArriving]
	if !hasFlows {
		return
	}
	f := os.NewFile(uintptr(fd), agent.DescriptorArriving)
	defer f.Close()
	c, ok := p.capturer.(leaver)
	if !ok {
		return
	}
	state, err := io.ReadAll(io.NewSectionReader(f, 0, engine.MaxState(p.options.MaxFlows)))
	if err == nil {
		n := 0
		err = c.arrive(state, func(id [32]byte, latest record.Counts) {
			n++
			for _, resumed := range p.output.Resumed {
				resumed(id, latest)
			}
		})
	}
	if err != nil {
		p.output.Log.Warnf("what was known of the flows before the restart is lost: %v", err)
	}
}

// writeLeft writes the flows down for the next weir.
func (p *process) writeLeft(c leaver) error {
	_, err := p.left.Write(c.left())
	if err != nil {
		return fmt.Errorf("write the flows for the next weir: %w", err)
	}
	return nil
}
