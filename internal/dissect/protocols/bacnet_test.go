// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from Annex J.2 and clause 20: a Who-Is to everybody, and a ReadProperty.
var (
	bacnetWhoIs = udp(47808, CX("81 0b 000c 01 20 ffff 00 ff 10 08"))
	bacnetRead  = udp(4000, CX("81 0a 0011 01 04 00 05 01 0c 0c 02000001 19 4d"))
)

func TestBACnet(t *testing.T) {
	wantProtocol(t, bacnetWhoIs, "bacnet", `"message_type":1`, `"service":8`)
	wantProtocol(t, bacnetRead, "bacnet", `"message_type":0`, `"service":12`)
	wantNot(t, udp(47808, CX("81 0b 000d 01 20 ffff 00 ff 10 08")), "bacnet")
	wantNot(t, udp(47808, CX("81 0b 000c 02 20 ffff 00 ff 10 08")), "bacnet")
	testTruncations(t, "bacnet", bacnetWhoIs, 12)
	testTruncations(t, "bacnet", bacnetRead, 17)
	wantNoAllocations(t, "bacnet", bacnetWhoIs)
}

func FuzzBACnet(f *testing.F) { fuzzTalks(f, "bacnet", bacnetWhoIs, bacnetRead) }
