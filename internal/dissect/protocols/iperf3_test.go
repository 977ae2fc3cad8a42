// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var iperfCookieTalk = tcp(5201, C("ea5xqjg6k2mvlbnqr7ydwe3oz4tfuchas2ip\x00"), S("\x09"))

func TestIperf(t *testing.T) {
	wantProtocol(t, iperfCookieTalk, "iperf3")
	wantNot(t, tcp(5201, C("ea5xqjg6k2mvlbnqr7ydwe3oz4tfuchas2ipx")), "iperf3")
	testTruncations(t, "iperf3", iperfCookieTalk, 13)
	wantNoAllocations(t, "iperf3", iperfCookieTalk)
}

// Built from the packets of iperf3 3.12, and by hand from the numbers of older versions: openings, answers, data with
// counters of both sizes.
var iperfStream = udp(5201, CX("39383736"), SX("36373839"), CX("0000a1b2 000f0000 00000001 0000"),
	CX("0000a1b2 000f0100 00000002 0000"))

func TestIperfStream(t *testing.T) {
	wantProtocol(t, iperfStream, "iperf3")
	wantProtocol(t, udp(4000, iperfStream.Says[:2]...), "iperf3")
	wantProtocol(t, udp(4000, CX("15cd5b07"), SX("b168de3a")), "iperf3")
	wantProtocol(t, udp(5201, iperfStream.Says[2:]...), "iperf3")
	wantNot(t, udp(5201, CX("39383736"), SX("39383736")), "iperf3")
	wantNot(t, udp(5201, CX("0000a1b2 000f0000 00000001 0000"), CX("0000a1b2 000f0100 00000003 0000")), "iperf3")
	wantNot(t, udp(5201, CX("0000a1b2 010f0000 00000001 0000"), CX("0000a1b2 010f0100 00000002 0000")), "iperf3")
	testTruncations(t, "iperf3", iperfStream, 99)
	wantNoAllocations(t, "iperf3", iperfStream)
}

func FuzzIperfStream(f *testing.F) { fuzzTalks(f, "iperf3", iperfStream) }

func FuzzIperf(f *testing.F) { fuzzTalks(f, "iperf3", iperfCookieTalk) }
