// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"encoding/binary"
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

// parseDrops reads IFLA_STATS64, a struct rtnl_link_stats64 (linux/if_link.h); newer kernels append words to it.
func parseDrops(m netlink.Message) (index uint32, d Drops, ok bool) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return 0, d, false
	}
	index = binary.NativeEndian.Uint32(m.Data[4:])
	attributes, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return 0, d, false
	}
	for attributes.Next() {
		b := attributes.Bytes()
		if attributes.Type() != unix.IFLA_STATS64 {
			continue
		}
		const errors, dropped, fifo, missed = 4, 6, 14, 15
		if len(b) < 8*(missed+1) {
			return 0, d, false
		}
		word := func(i int) uint64 { return binary.NativeEndian.Uint64(b[8*i:]) }
		d, ok = Drops{Missed: word(missed), Fifo: word(fifo), Dropped: word(dropped), Errors: word(errors)}, true
	}
	return index, d, ok && attributes.Err() == nil
}
