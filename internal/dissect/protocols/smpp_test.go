// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The bind is SMPP 3.4's example of §3.2.3, with its length.
var (
	smppBind = tcp(2775, CX("0000002f 00000002 00000000 00000001 534d50503354455354 00 7365637265743038 00 "+
		"5355424d495431 00 00 01 01 00"),
		SX("00000019 80000002 00000000 00000001 534d505054455354 00"))
	smppEnquire = tcp(4000, CX("00000010 00000015 00000000 00000007"), SX("00000010 80000015 00000000 00000007"))
)

func TestSMPP(t *testing.T) {
	if h := wantProtocol(t, smppBind, "smpp", `"system_id":"SMPP3TEST"`); len(h.Risks) != 1 {
		t.Errorf("risks %v", h.Risks)
	}
	wantProtocol(t, smppEnquire, "smpp", `"command":21`)
	wantNot(t, tcp(2775, CX("00000010 00000016 00000000 00000007")), "smpp")
	wantNot(t, tcp(2775, CX("00000010 00000015 00000001 00000007")), "smpp")
	wantNot(t, tcp(2775, CX("00000010 00000000 00000000 00000007")), "smpp") // generic_nack is no request
	wantProtocol(t, tcp(2775, CX("00000010 80000000 00000003 00000000")), "smpp")
	testTruncations(t, "smpp", smppBind, 47)
	wantNoAllocations(t, "smpp", smppBind)
}

func FuzzSMPP(f *testing.F) { fuzzTalks(f, "smpp", smppBind, smppEnquire) }
