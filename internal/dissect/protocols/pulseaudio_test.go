// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the descriptor's and the tag structure's fields: a client's authentication, without its cookie.
var pulseAuth = tcp(4713, CX("00000114 ffffffff 0000000000000000 00000000 4c 00000008 4c 00000000 4c 00000023 78 "+
	"00000100"))

func TestPulseAudio(t *testing.T) {
	wantProtocol(t, pulseAuth, "pulseaudio", `"command":8`)
	wantNot(t, tcp(4713, CX("00000114 fffffffe 0000000000000000 00000000 4c 00000008 4c 00000000")), "pulseaudio")
	wantNot(t, tcp(4713, CX("00000114 ffffffff 0000000000000000 00000000 4c 00000008 74 00000000")), "pulseaudio")
	testTruncations(t, "pulseaudio", pulseAuth, pulseHeader)
	wantNoAllocations(t, "pulseaudio", pulseAuth)
}

func FuzzPulseAudio(f *testing.F) { fuzzTalks(f, "pulseaudio", pulseAuth) }
