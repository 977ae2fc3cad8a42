// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"

	"github.com/weirnet/weir/internal/record"
)

// Output is where the confined process's findings go.
type Output struct {
	// Flow gets each record, valid during the call, from one goroutine. Its first error ends the agent.
	Flow func(*record.Flow) error
	// Log gets lines for people.
	Log func(format string, args ...any)
	// Tick, if it is not nil, is called once a second.
	Tick func(Status)
	// Hurry, if it is not nil, is called when a signal asks for the end: from then on Flow has to return, or Progress
	// to go up.
	Hurry func()
	// Progress, if it is not nil, goes up as long as what is written, until the process ends, gets on.
	Progress func() uint64
	// Names, if it is not nil, gets a function that says what the device with an address is called, "" where that is
	// not known.
	Names func(func(netip.Addr) string)
	// OnPanic gets dissectors' panics, see dissect.Pool.
	OnPanic func(protocol string, c *dissect.Conversation, cause any)
	// Done, if it is not nil, ends the agent when it is closed.
	Done <-chan struct{}
}
