// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// ipProtocolTests hold, for each protocol, a message built after its specification and one that differs in what is checked.
var ipProtocolTests = []struct {
	protocol   string
	number     uint8
	right      string
	minimum    int
	wrong      string
	wantMember string
}{
	{"egp", 8, "02 05 00 00 0000 0000 0000 0000", 10, "03 05 00 00 0000 0000 0000 0000", ""},
	{"eigrp", 88, "02 05 0000 00000000 00000000 00000000 0000 0064", 20, "02 00 0000 00000000 00000000 00000000 0000 0064", `"autonomous_system":100`},
	{"rsvp", 46, "10 01 0000 40 00 0008", 8, "10 01 0000 40 00 0010", `"type":1`},
	{"pim", 103, "20 00 0000 0001 0002 0069", 4, "10 00 0000 0001 0002 0069", `"message":"hello"`},
	{"ospf", 89, "02 01 0018 c0000201 00000000 0000 0000 0000000000000000", 24, "02 06 0018 c0000201 00000000 0000 0000 0000000000000000", `"router_id":"192.0.2.1"`},
	{"gre", 47, "2000 0800 00000001", 4, "2f00 0800 00000001", `"protocol_type":2048`},
	{"esp", 50, "00001000 00000001 aabbccdd", 8, "00000001 00000001 aabbccdd", `"spi":"00001000"`},
	{"ah", 51, "06 04 0000 00001000 00000001 000000000000000000000000", 24, "06 04 0001 00001000 00000001 000000000000000000000000", `"spi":"00001000"`},
	{"ipip", 4, "45000014 00000000 40060000 c0000201 c0000202", 20, "35000014 00000000 40060000 c0000201 c0000202", ""},
	{"6in4", 41, "60000000 0000 3b40 00000000000000000000000000000001 00000000000000000000000000000002", 40, "40000000 0000 3b40 00000000000000000000000000000001 00000000000000000000000000000002", ""},
	{"pgm", 113, "1234 1235 00 00 0000 010203040506 0000", 16, "1234 1235 00 00 0000 010203040506 0001", ""},
	{"l2tp", 115, "00000000 c803 0010 00000000 0000 0000 00000000", 20, "00000000 c802 0010 00000000 0000 0000 00000000", ""},
}

func TestIPProtocols(t *testing.T) {
	for _, test := range ipProtocolTests {
		k := ip(test.number, CX(test.right))
		var members []string
		if test.wantMember != "" {
			members = append(members, test.wantMember)
		}
		wantProtocol(t, k, test.protocol, members...)
		wantNot(t, ip(test.number, CX(test.wrong)), test.protocol)
		testTruncations(t, test.protocol, k, test.minimum)
		wantNoAllocations(t, test.protocol, k)
	}
}

func FuzzIPProtocols(f *testing.F) {
	for i, test := range ipProtocolTests {
		f.Add(byte(i), unhex(test.right))
	}
	f.Fuzz(func(t *testing.T, i byte, b []byte) {
		listen(t, ip(ipProtocolTests[int(i)%len(ipProtocolTests)].number, C(b)))
	})
}
