// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from the documents that the table names.
var (
	iperfCookieTalk = tcp(5201, C("ea5xqjg6k2mvlbnqr7ydwe3oz4tfuchas2ip\x00"), S("\x09"))
	ooklaHello      = tcp(8080, C("HI 0a1b2c3d\r\n"), S("HELLO 2.9 (2.9.2) 2022-11-10\r\n"))
	libp2pNoise     = tcp(4001, C(multistream+"\x07/noise\n"))
	nmdcLock        = tcp(411, S("$Lock EXTENDEDPROTOCOL_hub Pk=hub1|$HubName Example|"))
	teeworldsGet    = udp(8303, C("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie3\x05"))
	playstationAsk  = udp(9302, C("SRCH * HTTP/1.1\ndevice-discovery-protocol-version:00030010\n"))
)

func TestIperf(t *testing.T) {
	wantProtocol(t, iperfCookieTalk, "iperf3")
	wantNot(t, tcp(5201, C("ea5xqjg6k2mvlbnqr7ydwe3oz4tfuchas2ipx")), "iperf3")
	testTruncations(t, "iperf3", iperfCookieTalk, 13)
	wantNoAllocations(t, "iperf3", iperfCookieTalk)
}

// Built from what iperf3 3.12 sends, and by hand from the numbers of older versions: openings, answers, data of both counters' sizes.
var iperfStream = udp(5201, CX("39383736"), SX("36373839"), CX("0000a1b2 000f0000 00000001 0000"), CX("0000a1b2 000f0100 00000002 0000"))

func TestIperfStream(t *testing.T) {
	wantProtocol(t, iperfStream, "iperf3")
	wantProtocol(t, udp(4000, iperfStream.says[:2]...), "iperf3")
	wantProtocol(t, udp(4000, CX("15cd5b07"), SX("b168de3a")), "iperf3")
	wantProtocol(t, udp(5201, iperfStream.says[2:]...), "iperf3")
	wantNot(t, udp(5201, CX("39383736"), SX("39383736")), "iperf3")
	wantNot(t, udp(5201, CX("0000a1b2 000f0000 00000001 0000"), CX("0000a1b2 000f0100 00000003 0000")), "iperf3")
	wantNot(t, udp(5201, CX("0000a1b2 010f0000 00000001 0000"), CX("0000a1b2 010f0100 00000002 0000")), "iperf3")
	testTruncations(t, "iperf3", iperfStream, 99)
	wantNoAllocations(t, "iperf3", iperfStream)
}

func FuzzIperfStream(f *testing.F) { fuzzTalks(f, "iperf3", iperfStream) }

func TestOokla(t *testing.T) {
	wantProtocol(t, ooklaHello, "ookla")
	wantNot(t, tcp(8080, C("HI there\r\n"), S("HELLO world\r\n")), "ookla")
	testTruncations(t, "ookla", ooklaHello, 13)
	wantNoAllocations(t, "ookla", ooklaHello)
}

func TestLibp2p(t *testing.T) {
	wantProtocol(t, libp2pNoise, "libp2p")
	wantNot(t, tcp(4001, C("\x13/multistream/2.0.0\n")), "libp2p")
	testTruncations(t, "libp2p", libp2pNoise, 13)
	wantNoAllocations(t, "libp2p", libp2pNoise)
}

func TestDirectConnect(t *testing.T) {
	wantProtocol(t, nmdcLock, "direct-connect")
	wantProtocol(t, tcp(1511, C("HSUP ADBASE ADTIGR\n")), "direct-connect")
	wantProtocol(t, tcp(412, C("$MyNick someone|$Lock EXTENDEDPROTOCOL Pk=client|")), "direct-connect")
	wantNot(t, tcp(411, S("$Lock and load|")), "direct-connect")
	testTruncations(t, "direct-connect", nmdcLock, 13)
	wantNoAllocations(t, "direct-connect", nmdcLock)
}

func TestTeeworlds(t *testing.T) {
	wantProtocol(t, teeworldsGet, "teeworlds")
	wantNot(t, udp(8303, C("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie4\x05")), "teeworlds")
	testTruncations(t, "teeworlds", teeworldsGet, 13)
	wantNoAllocations(t, "teeworlds", teeworldsGet)
}

func TestPlaystation(t *testing.T) {
	wantProtocol(t, playstationAsk, "playstation-discovery")
	wantNot(t, udp(9302, C("SRCH * HTTP/1.1\nhost:192.0.2.1\n")), "playstation-discovery")
	testTruncations(t, "playstation-discovery", playstationAsk, 13)
	wantNoAllocations(t, "playstation-discovery", playstationAsk)
}

func FuzzIperf(f *testing.F)         { fuzzTalks(f, "iperf3", iperfCookieTalk) }
func FuzzOokla(f *testing.F)         { fuzzTalks(f, "ookla", ooklaHello) }
func FuzzLibp2p(f *testing.F)        { fuzzTalks(f, "libp2p", libp2pNoise) }
func FuzzDirectConnect(f *testing.F) { fuzzTalks(f, "direct-connect", nmdcLock) }
func FuzzTeeworlds(f *testing.F)     { fuzzTalks(f, "teeworlds", teeworldsGet) }
func FuzzPlaystation(f *testing.F)   { fuzzTalks(f, "playstation-discovery", playstationAsk) }
