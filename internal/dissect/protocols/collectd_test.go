// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after the documentation of collectd's binary protocol.
var (
	collectdValues = udp(25826, CX("0000 0008 7372 7600"+"0008 000c 0000000000000001"+"0002 0008 63707500"+
		"0006 000f 0001 01 0000000000000000"))
	collectdSecret = udp(25826, CX("0210 0021 0003 616e6e 000102030405060708090a0b0c0d0e0f 0011223344556677"))
)

func TestCollectd(t *testing.T) {
	wantProtocol(t, collectdValues, "collectd", `"host":"srv"`, `"plugin":"cpu"`)
	wantProtocol(t, collectdSecret, "collectd", `"user":"ann"`)
	wantNot(t, udp(25826, CX("0000 0008 73727600 0008 000b 00000000000000")), "collectd")
	wantNot(t, udp(25826, CX("0000 0008 73727601 0008 000c 0000000000000001")), "collectd")
	testTruncations(t, "collectd", collectdValues, 20)
	testTruncations(t, "collectd", collectdSecret, 33)
	wantNoAllocations(t, "collectd", collectdValues)
}

func FuzzCollectd(f *testing.F) { fuzzTalks(f, "collectd", collectdValues, collectdSecret) }
