// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var nmdcLock = tcp(411, S("$Lock EXTENDEDPROTOCOL_hub Pk=hub1|$HubName Example|"))

func TestDirectConnect(t *testing.T) {
	wantProtocol(t, nmdcLock, "direct-connect")
	wantProtocol(t, tcp(1511, C("HSUP ADBASE ADTIGR\n")), "direct-connect")
	wantProtocol(t, tcp(412, C("$MyNick someone|$Lock EXTENDEDPROTOCOL Pk=client|")), "direct-connect")
	wantNot(t, tcp(411, S("$Lock and load|")), "direct-connect")
	testTruncations(t, "direct-connect", nmdcLock, 13)
	wantNoAllocations(t, "direct-connect", nmdcLock)
}

func FuzzDirectConnect(f *testing.F) { fuzzTalks(f, "direct-connect", nmdcLock) }
