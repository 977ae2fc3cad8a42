// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Drops are the kernel's counts of packets that a link has received and lost since its creation
// (Documentation/networking/statistics.rst).
type Drops struct {
	Missed  uint64 // rx_missed_errors: the card had no room for them
	Fifo    uint64 // rx_fifo_errors: the card's queue to the machine had no room for them
	Dropped uint64 // rx_dropped: the kernel had no room or no use for them
	Errors  uint64 // rx_errors: they arrived broken
}

// AllDrops returns the drops of all links of this network namespace, by index.
func AllDrops() (map[uint32]Drops, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{MessageBufferSize: messageBuffer})
	if err != nil {
		return nil, fmt.Errorf("read the links' statistics: %w", err)
	}
	defer conn.Close()
	messages, err := dump(conn, dumpRequest())
	if err != nil {
		return nil, fmt.Errorf("read the links' statistics: %w", err)
	}
	all := map[uint32]Drops{}
	for _, m := range messages {
		if index, d, ok := parseDrops(m); ok {
			all[index] = d
		}
	}
	return all, nil
}

// parseDrops reads the drops of a link's statistics.
func parseDrops(m netlink.Message) (index uint32, d Drops, ok bool) {
	index, words, ok := statisticsWords(m)
	if !ok {
		return index, d, false
	}
	return index, Drops{Missed: words[15], Fifo: words[14], Dropped: words[6], Errors: words[4]}, true
}
