// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Statistics are the kernel's counters of a link since it was made (Documentation/networking/statistics.rst).
type Statistics struct {
	RxPackets, TxPackets uint64
	RxBytes, TxBytes     uint64 // from the link header on
	RxErrors, TxErrors   uint64
	RxDropped, TxDropped uint64
	RxMissed             uint64 // rx_missed_errors: the card had no room for them
	RxFifo               uint64 // rx_fifo_errors: the card's queue to the machine had no room for them
}

// AllStatistics dumps the counters of all links of this network namespace, by index.
func AllStatistics() (map[uint32]Statistics, error) {
	conn, err := dial(0)
	if err != nil {
		return nil, fmt.Errorf("list the links' statistics: %w", err)
	}
	defer conn.Close()
	return listStatistics(conn)
}

// Statistics is AllStatistics through a socket that is open already. It may be called as Neighbours is.
func (f *Follower) Statistics() (map[uint32]Statistics, error) { return listStatistics(f.requests) }

func listStatistics(conn *netlink.Conn) (map[uint32]Statistics, error) {
	messages, err := dump(conn, dumpRequest())
	if err != nil {
		return nil, fmt.Errorf("list the links' statistics: %w", err)
	}
	all := make(map[uint32]Statistics, len(messages))
	for _, m := range messages {
		if index, s, ok := parseStatistics(m); ok {
			all[index] = s
		}
	}
	return all, nil
}

// Passed returns the kernel's count of packets that a link has received and sent since its creation.
func Passed(index uint32) (packets uint64, err error) {
	conn, err := dial(0)
	if err != nil {
		return 0, fmt.Errorf("read counters of link %d: %w", index, err)
	}
	defer conn.Close()
	request := netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request},
		Data:   make([]byte, unix.SizeofIfInfomsg),
	}
	binary.NativeEndian.PutUint32(request.Data[4:], index)
	messages, err := conn.Execute(request)
	if err != nil {
		return 0, fmt.Errorf("read counters of link %d: %w", index, err)
	}
	for _, m := range messages {
		if _, s, ok := parseStatistics(m); ok {
			packets += s.RxPackets + s.TxPackets
		}
	}
	return packets, nil
}

// numWords is the number of words of struct rtnl_link_stats64 (linux/if_link.h) that every kernel has.
const numWords = 16

// parseStatistics reads IFLA_STATS64.
func parseStatistics(m netlink.Message) (index uint32, s Statistics, ok bool) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return 0, s, false
	}
	index = binary.NativeEndian.Uint32(m.Data[4:])
	attributes, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return 0, s, false
	}
	for attributes.Next() {
		b := attributes.Bytes()
		if attributes.Type() != unix.IFLA_STATS64 {
			continue
		}
		if len(b) < 8*numWords {
			return 0, s, false
		}
		word := func(i int) uint64 { return binary.NativeEndian.Uint64(b[8*i:]) }
		s, ok = Statistics{
			RxPackets: word(0), TxPackets: word(1), RxBytes: word(2), TxBytes: word(3), RxErrors: word(4),
			TxErrors: word(5), RxDropped: word(6), TxDropped: word(7), RxFifo: word(14), RxMissed: word(15),
		}, true
	}
	return index, s, ok && attributes.Err() == nil
}
