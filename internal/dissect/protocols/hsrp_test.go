// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// The messages are built after RFC 2281 §5 and Cisco's description of version 2.
var (
	hsrpV1 = talk{Over: dissect.UDP, ClientPort: 1985, ServerPort: 1985,
		Says: []say{CX("00 00 10 03 0a 78 01 00 636973636f000000 c0000201")}}
	hsrpV2 = talk{Over: dissect.UDP, ClientPort: 1985, ServerPort: 1985, Says: []say{CX(hsrpState)}}
	hsrpV6 = talk{Over: dissect.UDP, ClientPort: 2029, ServerPort: 2029, Says: []say{CX("02 04 00000001"),
		CX("01 28 02 00 06 06 0001 00005e005301 00000069 00000bb8 00002710 fe80000000000000000573fffea00001")}}
)

const hsrpState = "01 28 02 00 06 04 0001 02005e100001 00000064 00000bb8 00002710 c0000201 000000000000000000000000"

func TestHSRP(t *testing.T) {
	wantProtocol(t, hsrpV1, "hsrp", `"version":1`, `"group":1`, `"priority":120`, `"address":"192.0.2.1"`)
	wantProtocol(t, hsrpV2, "hsrp", `"version":2`, `"group":1`, `"priority":100`, `"address":"192.0.2.1"`)
	wantProtocol(t, udp(1985, CX("00 03 0001 000a 01 00 00000000 0001 0000")), "hsrp")
	wantProtocol(t, hsrpV6, "hsrp", `"version":2`, `"address":"fe80::5:73ff:fea0:1"`)
	// A field of unknown type, and text authentication before the group's state.
	wantProtocol(t, udp(1985, CX("09 02 ffff | 03 08 636973636f000000"+hsrpState)), "hsrp", `"group":1`)
	wantNot(t, udp(1985, CX("02 04 00000001"), CX("02 04 00000001"), CX("02 04 00000001")), "hsrp")
	wantNot(t, udp(1985, CX("09 02 ffff")), "hsrp")
	wantNot(t, udp(1985, CX(hsrpState+"03 07 636973636f0000")), "hsrp")
	wantNot(t, udp(1985, CX("00 00 11 03 0a 78 01 00 636973636f000000 c0000201")), "hsrp")
	wantNot(t, udp(1985, C(make([]byte, 20))), "hsrp")
	testTruncations(t, "hsrp", hsrpV1, 20)
	testTruncations(t, "hsrp", hsrpV2, 42)
	wantNoAllocations(t, "hsrp", hsrpV1)
}

func FuzzHSRP(f *testing.F) { fuzzTalks(f, "hsrp", hsrpV1, hsrpV2, hsrpV6) }
