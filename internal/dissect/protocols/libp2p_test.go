// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var libp2pNoise = tcp(4001, C(multistream+"\x07/noise\n"))

func TestLibp2p(t *testing.T) {
	wantProtocol(t, libp2pNoise, "libp2p")
	wantNot(t, tcp(4001, C("\x13/multistream/2.0.0\n")), "libp2p")
	testTruncations(t, "libp2p", libp2pNoise, 13)
	wantNoAllocations(t, "libp2p", libp2pNoise)
}

func FuzzLibp2p(f *testing.F) { fuzzTalks(f, "libp2p", libp2pNoise) }
