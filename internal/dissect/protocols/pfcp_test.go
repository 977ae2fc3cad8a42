// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from TS 29.244 §7.2.2 and §7.4.2: a heartbeat, with its recovery time stamp, and a session's deletion.
var (
	pfcpHeartbeat = udp(8805, CX("20 01 000c 000001 00 0060 0004 e0000000"),
		SX("20 02 000c 000001 00 0060 0004 e0000001"))
	pfcpSession = udp(8805, CX("21 37 0011 0000000000000001 000002 00 0013 0001 01"))
)

func TestPFCP(t *testing.T) {
	wantProtocol(t, pfcpHeartbeat, "pfcp", `"message_type":1`)
	wantProtocol(t, pfcpSession, "pfcp", `"message_type":55`)
	wantNot(t, udp(8805, CX("20 01 000d 000001 00 0060 0004 e0000000")), "pfcp")
	wantNot(t, udp(8805, CX("20 01 000c 000001 00 0060 0005 e0000000")), "pfcp")
	wantNot(t, udp(8805, CX("21 01 000c 000001 00 0060 0004 e0000000")), "pfcp")
	for _, k := range []talk{pfcpHeartbeat, pfcpSession} {
		testTruncations(t, "pfcp", k, 16)
		wantNoAllocations(t, "pfcp", k)
	}
}

func FuzzPFCP(f *testing.F) { fuzzTalks(f, "pfcp", pfcpHeartbeat, pfcpSession) }
