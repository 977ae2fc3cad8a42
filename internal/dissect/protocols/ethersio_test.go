// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand.
var ethersioStatus = udp(6060, CX("4553494f 0001 0001 0000 00000001"))

func TestEtherSIO(t *testing.T) {
	wantProtocol(t, ethersioStatus, "ethersio", `"type":1`)
	wantNot(t, udp(6060, C("ESIONAGE")), "ethersio")
	testTruncations(t, "ethersio", ethersioStatus, 8)
	wantNoAllocations(t, "ethersio", ethersioStatus)
}

func FuzzEtherSIO(f *testing.F) { fuzzTalks(f, "ethersio", ethersioStatus) }
