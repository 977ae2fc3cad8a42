// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"net/netip"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// Output takes the confined process's findings.
type Output struct {
	// Subscriptions receive the records.
	Subscriptions []Subscription
	// Log takes messages for people.
	Log *logging.Logger
	// Names, unless nil, receives a function from an address to the device's name, "" if unknown.
	Names func(func(netip.Addr) string)
	// Hosts, unless nil, receives hosts.Table.All, Explain the answers of weir explain.
	Hosts   func(func() []hosts.Host)
	Explain func(func(what string) ([]string, error))
	// MACs, unless nil, receives hosts.Table.MACs before the first record.
	MACs func(func(netip.Addr) (neighbour, sender [6]byte))
	// Devices, unless nil, receives a function that returns the devices that changed, see hosts.Table.Changed.
	Devices func(func(most int) []hosts.Host)
	// Uplink, unless nil, receives the descriptor of the socket to the process ship, and owns it. Without an uplink it
	// is not called.
	Uplink func(descriptor int) error
	// PseudonymKey, unless nil, receives the key of the reports' pseudonyms before the first record. Without an uplink
	// it is not called.
	PseudonymKey func(key []byte) error
	// UplinkState, unless nil, answers the question for the uplink's state; nil without one. Any goroutine may call it.
	UplinkState func() *control.Uplink
	// Measure: the status has what the agent's processes use, the kernel's counters of the watched links, the clock's
	// state, and the lengths of the queues.
	Measure bool
	// Traffic, unless nil, is told when somebody asks for metrics. It needs a subscription of its TrafficCounter.
	Traffic *tally.Counts
	// Resumed get, before the first record, each flow from before a restart that has had a record already, with its
	// counts in the latest one.
	Resumed []func(id [32]byte, latest record.Counts)
	// Counters are counted besides those of the process.
	Counters []metric.Source
	// OnPanic receives dissectors' panics, see dissect.Pool.
	OnPanic func(protocol string, c *dissect.Conversation, cause any)
	// Done, unless nil, ends the agent when closed.
	Done <-chan struct{}
}
