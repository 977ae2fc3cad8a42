// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The messages are built after Cisco's format of version 5, RFC 3954 §5 and RFC 7011 §3.
var (
	netflow5 = udp(2055, CX("0005 0001 00001000 65000000 00000010 00000001 00 00 0000"+strings.Repeat("00", 48)))
	netflow9 = udp(2055, CX("0009 0001 00001000 65000000 00000001 00000000"+"0000 0010 0100 0002 0008 0004 000c 0004"))
	ipfix    = udp(4739, CX("000a 0020 65000000 00000001 00000000"+"0002 0010 0100 0002 0008 0004 000c 0004"))
)

func TestNetFlow(t *testing.T) {
	wantProtocol(t, netflow5, "netflow", `"version":5`)
	wantProtocol(t, netflow9, "netflow", `"version":9`)
	wantProtocol(t, ipfix, "netflow", `"version":10`)
	wantNot(t, udp(2055, CX("0005 0002 00001000 65000000 00000010 00000001 00 00 0000"+strings.Repeat("00", 48))),
		"netflow")
	wantNot(t, udp(2055, CX("0009 0001 00001000 65000000 00000001 00000000"+"0010 0010 0100 0002 0008 0004 000c 0004")),
		"netflow")
	wantNot(t, udp(2055, C(make([]byte, 72))), "netflow")
	testTruncations(t, "netflow", netflow5, 72)
	testTruncations(t, "netflow", netflow9, 24)
	testTruncations(t, "netflow", ipfix, 32)
	wantNoAllocations(t, "netflow", netflow9)
}

func FuzzNetFlow(f *testing.F) { fuzzTalks(f, "netflow", netflow5, netflow9, ipfix) }
