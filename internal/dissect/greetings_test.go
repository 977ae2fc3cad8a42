// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from the documents that the table names.
var greetingTalks = map[string]talk{
	"iperf3":                tcp(5201, C("ea5xqjg6k2mvlbnqr7ydwe3oz4tfuchas2ip\x00"), S("\x09")),
	"ookla":                 tcp(8080, C("HI 0a1b2c3d\r\n"), S("HELLO 2.9 (2.9.2) 2022-11-10\r\n")),
	"libp2p":                tcp(4001, C(multistream+"\x07/noise\n")),
	"direct-connect":        tcp(411, S("$Lock EXTENDEDPROTOCOL_hub Pk=hub1|$HubName Example|")),
	"teeworlds":             udp(8303, C("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie3\x05")),
	"playstation-discovery": udp(9302, C("SRCH * HTTP/1.1\ndevice-discovery-protocol-version:00030010\n")),
}

func TestGreetings(t *testing.T) {
	for name, k := range greetingTalks {
		wantProtocol(t, k, name)
		testTruncations(t, name, k, 13)
		wantNoAllocations(t, name, k)
	}
	wantProtocol(t, tcp(1511, C("HSUP ADBASE ADTIGR\n")), "direct-connect")
	wantProtocol(t, tcp(412, C("$MyNick someone|$Lock EXTENDEDPROTOCOL Pk=client|")), "direct-connect")
	for name, k := range map[string]talk{
		"iperf3":                tcp(5201, C("ea5xqjg6k2mvlbnqr7ydwe3oz4tfuchas2ipx")),
		"ookla":                 tcp(8080, C("HI there\r\n"), S("HELLO world\r\n")),
		"libp2p":                tcp(4001, C("\x13/multistream/2.0.0\n")),
		"direct-connect":        tcp(411, S("$Lock and load|")),
		"teeworlds":             udp(8303, C("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie4\x05")),
		"playstation-discovery": udp(9302, C("SRCH * HTTP/1.1\nhost:192.0.2.1\n")),
	} {
		wantNot(t, k, name)
	}
}

func FuzzIperf(f *testing.F)         { fuzzTalks(f, "iperf3", greetingTalks["iperf3"]) }
func FuzzOokla(f *testing.F)         { fuzzTalks(f, "ookla", greetingTalks["ookla"]) }
func FuzzLibp2p(f *testing.F)        { fuzzTalks(f, "libp2p", greetingTalks["libp2p"]) }
func FuzzDirectConnect(f *testing.F) { fuzzTalks(f, "direct-connect", greetingTalks["direct-connect"]) }
func FuzzTeeworlds(f *testing.F)     { fuzzTalks(f, "teeworlds", greetingTalks["teeworlds"]) }
func FuzzPlaystation(f *testing.F) {
	fuzzTalks(f, "playstation-discovery", greetingTalks["playstation-discovery"])
}
