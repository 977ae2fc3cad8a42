// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the packet's structure.
var egdData = udp(18246, CX("0d01 0100 c0a80002 05000000 00000000 00000000 01000000 00000000 00000000 0102"))

func TestEGD(t *testing.T) {
	wantProtocol(t, egdData, "egd", `"exchange_id":5`)
	wantProtocol(t, udp(4000, egdData.Says[0], egdData.Says[0]), "egd")
	wantNot(t, udp(4000, egdData.Says[0]), "egd")
	wantNot(t, udp(18246, CX("0d01 0100 c0a80002 05000000 00000000 00000000 01000000 00000000 00000001 0102")), "egd")
	testTruncations(t, "egd", egdData, egdHeader)
	wantNoAllocations(t, "egd", egdData)
}

func FuzzEGD(f *testing.F) { fuzzTalks(f, "egd", egdData) }
