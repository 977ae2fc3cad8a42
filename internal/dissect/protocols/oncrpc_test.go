// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 5531 §9.
const (
	rpcNFSCall = "12345678 00000000 00000002 000186a3 00000003 00000001" +
		"00000001 00000018 00000000 00000004 686f7374 00000000 00000000 00000000" + "00000000 00000000"
	rpcAskPort = "12345678 00000000 00000002 000186a0 00000002 00000003" + "00000000 00000000 00000000 00000000" +
		"000186a3 00000003 00000011 00000000"
	rpcSuccess = "12345678 00000001 00000000 00000000 00000000 00000000 00000801"
)

var (
	rpcUDP = udp(111, CX(rpcAskPort), SX(rpcSuccess))
	rpcTCP = tcp(2049, CX("80000040"+rpcNFSCall), SX("8000001c"+rpcSuccess))
)

func TestRPC(t *testing.T) {
	wantNot(t, udp(111, C(make([]byte, 64))), "onc-rpc")
	wantNot(t, udp(4000, SX(rpcSuccess)), "onc-rpc")
	for _, k := range []talk{rpcUDP, rpcTCP} {
		testTruncations(t, "onc-rpc", k, rpcReplySize)
		wantNoAllocations(t, "onc-rpc", k)
	}
}

func FuzzRPC(f *testing.F) { fuzzTalks(f, "onc-rpc", rpcUDP, rpcTCP) }
