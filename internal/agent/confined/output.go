// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"net/netip"

	"github.com/weirnet/weir/internal/dissect"
)

// Output is where the confined process's findings go.
type Output struct {
	// Subscriptions get the records.
	Subscriptions []Subscription
	// Log gets lines for people.
	Log func(format string, args ...any)
	// Names, if it is not nil, gets a function that returns the name of the device with an address, "" where it is not
	// known.
	Names func(func(netip.Addr) string)
	// OnPanic gets dissectors' panics, see dissect.Pool.
	OnPanic func(protocol string, c *dissect.Conversation, cause any)
	// Done, if it is not nil, ends the agent when it is closed.
	Done <-chan struct{}
}
