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
	RxMissed             uint64 // the card had no room for them
}

// Statistics dumps the counters of all links, by index. It may be called as Neighbours is.
func (f *Follower) Statistics() (map[uint32]Statistics, error) {
	messages, err := dump(f.requests, dumpRequest())
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

func parseStatistics(m netlink.Message) (index uint32, s Statistics, ok bool) {
	index, words, ok := statisticsWords(m)
	if !ok {
		return index, s, false
	}
	return index, Statistics{
		RxPackets: words[0], TxPackets: words[1], RxBytes: words[2], TxBytes: words[3],
		RxErrors: words[4], TxErrors: words[5], RxDropped: words[6], TxDropped: words[7], RxMissed: words[15],
	}, true
}

// numWords is the number of words of struct rtnl_link_stats64 (linux/if_link.h) that every kernel has.
const numWords = 16

// statisticsWords reads IFLA_STATS64.
func statisticsWords(m netlink.Message) (index uint32, words [numWords]uint64, ok bool) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return 0, words, false
	}
	index = binary.NativeEndian.Uint32(m.Data[4:])
	attributes, err := netlink.NewAttributeDecoder(m.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return 0, words, false
	}
	for attributes.Next() {
		b := attributes.Bytes()
		if attributes.Type() != unix.IFLA_STATS64 {
			continue
		}
		if len(b) < 8*numWords {
			return 0, words, false
		}
		for i := range words {
			words[i] = binary.NativeEndian.Uint64(b[8*i:])
		}
		ok = true
	}
	return index, words, ok && attributes.Err() == nil
}
