// SPDX-License-Identifier: Apache-2.0

//go:build !libpcap || !cgo

package main

import (
	"errors"

	"github.com/weirnet/weir/internal/packet"
)

// filterSupport says whether this build can compile filter expressions.
const filterSupport = "no (built without libpcap)"

// packetFilter stands for a compiled expression, which this build cannot make.
type packetFilter struct{}

func newFilter(string) (*packetFilter, error) {
	return nil, errors.New("--filter needs libpcap, which this build does not have: " +
		"install libpcap-dev, build with `go build -tags libpcap ./cmd/weir`, or filter with `tcpdump -r FILE -w - " +
		"EXPRESSION | weir replay -`")
}

func (*packetFilter) match(packet.LinkType, []byte, int) (bool, error) { return true, nil }

func (*packetFilter) close() {}
