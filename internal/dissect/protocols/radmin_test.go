// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from public knowledge of the first two messages.
var (
	radminTalk = tcp(4899, CX("01000000 01000000 08 08"), SX("01000000 25000002 121208"))
)

func TestRadmin(t *testing.T) {
	wantProtocol(t, radminTalk, "radmin")
	wantNot(t, tcp(4899, CX("01000000 01000000 08 08")), "radmin")
	wantNot(t, tcp(4899, CX("01000000 01000000 08 08"), SX("0100000026")), "radmin")
	testTruncations(t, "radmin", radminTalk, 99)
	wantNoAllocations(t, "radmin", radminTalk)
}

func FuzzRadmin(f *testing.F) { fuzzTalks(f, "radmin", radminTalk) }
