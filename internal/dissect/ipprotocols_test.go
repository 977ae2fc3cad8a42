// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Messages built after the specifications.
var (
	egpMessage       = ip(8, CX("02 05 00 00 0000 0000 0000 0000"))
	eigrpMessage     = ip(88, CX("02 05 0000 00000000 00000000 00000000 0000 0064"))
	rsvpMessage      = ip(46, CX("10 01 0000 40 00 0008"))
	pimMessage       = ip(103, CX("20 00 0000 0001 0002 0069"))
	ospfMessage      = ip(89, CX("02 01 0018 c0000201 00000000 0000 0000 0000000000000000"))
	greMessage       = ip(47, CX("2000 0800 00000001"))
	espMessage       = ip(50, CX("00001000 00000001 aabbccdd"))
	ahMessage        = ip(51, CX("06 04 0000 00001000 00000001 000000000000000000000000"))
	ipipMessage      = ip(4, CX("45000014 00000000 40060000 c0000201 c0000202"))
	sixInFourMessage = ip(41, CX("60000000 0000 3b40 00000000000000000000000000000001 00000000000000000000000000000002"))
	pgmMessage       = ip(113, CX("1234 1235 00 00 0000 010203040506 0000"))
	l2tpv3Message    = ip(115, CX("00000000 c803 0010 00000000 0000 0000 00000000"))
)

// testOnIP tests a protocol on IP by a message of its own and by one that differs in what is checked.
func testOnIP(t *testing.T, protocol string, right talk, minimum int, wrong talk, members ...string) {
	t.Helper()
	wantProtocol(t, right, protocol, members...)
	wantNot(t, wrong, protocol)
	testTruncations(t, protocol, right, minimum)
	wantNoAllocations(t, protocol, right)
}

func TestEGP(t *testing.T) {
	testOnIP(t, "egp", egpMessage, 10, ip(8, CX("03 05 00 00 0000 0000 0000 0000")))
}

func TestEIGRP(t *testing.T) {
	testOnIP(t, "eigrp", eigrpMessage, 20,
		ip(88, CX("02 00 0000 00000000 00000000 00000000 0000 0064")), `"autonomous_system":100`)
}

func TestRSVP(t *testing.T) {
	testOnIP(t, "rsvp", rsvpMessage, 8, ip(46, CX("10 01 0000 40 00 0010")), `"type":1`)
}

func TestPIM(t *testing.T) {
	testOnIP(t, "pim", pimMessage, 4, ip(103, CX("10 00 0000 0001 0002 0069")), `"message":"hello"`)
}

func TestOSPF(t *testing.T) {
	testOnIP(t, "ospf", ospfMessage, 24,
		ip(89, CX("02 06 0018 c0000201 00000000 0000 0000 0000000000000000")), `"router_id":"192.0.2.1"`)
}

func TestGRE(t *testing.T) {
	testOnIP(t, "gre", greMessage, 4, ip(47, CX("2f00 0800 00000001")), `"protocol_type":2048`)
}

func TestESP(t *testing.T) {
	testOnIP(t, "esp", espMessage, 8, ip(50, CX("00000001 00000001 aabbccdd")), `"spi":"00001000"`)
}

func TestAH(t *testing.T) {
	testOnIP(t, "ah", ahMessage, 24,
		ip(51, CX("06 05 0000 00001000 00000001 000000000000000000000000")), `"spi":"00001000"`)
}

func TestIPIP(t *testing.T) {
	testOnIP(t, "ipip", ipipMessage, 20, ip(4, CX("35000014 00000000 40060000 c0000201 c0000202")))
}

func TestSixInFour(t *testing.T) {
	testOnIP(t, "6in4", sixInFourMessage, 40,
		ip(41, CX("40000000 0000 3b40 00000000000000000000000000000001 00000000000000000000000000000002")))
}

func TestPGM(t *testing.T) {
	testOnIP(t, "pgm", pgmMessage, 16, ip(113, CX("1234 1235 00 00 0000 010203040506 0001")))
}

func TestL2TPv3(t *testing.T) {
	testOnIP(t, "l2tp", l2tpv3Message, 20, ip(115, CX("00000000 c802 0010 00000000 0000 0000 00000000")))
}

func FuzzEGP(f *testing.F)       { fuzzTalks(f, "egp", egpMessage) }
func FuzzEIGRP(f *testing.F)     { fuzzTalks(f, "eigrp", eigrpMessage) }
func FuzzRSVP(f *testing.F)      { fuzzTalks(f, "rsvp", rsvpMessage) }
func FuzzPIM(f *testing.F)       { fuzzTalks(f, "pim", pimMessage) }
func FuzzOSPF(f *testing.F)      { fuzzTalks(f, "ospf", ospfMessage) }
func FuzzGRE(f *testing.F)       { fuzzTalks(f, "gre", greMessage) }
func FuzzESP(f *testing.F)       { fuzzTalks(f, "esp", espMessage) }
func FuzzAH(f *testing.F)        { fuzzTalks(f, "ah", ahMessage) }
func FuzzIPIP(f *testing.F)      { fuzzTalks(f, "ipip", ipipMessage) }
func FuzzSixInFour(f *testing.F) { fuzzTalks(f, "6in4", sixInFourMessage) }
func FuzzPGM(f *testing.F)       { fuzzTalks(f, "pgm", pgmMessage) }
func FuzzL2TPv3(f *testing.F)    { fuzzTalks(f, "l2tp", l2tpv3Message) }
