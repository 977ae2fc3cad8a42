// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var teeworldsGet = udp(8303, C("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie3\x05"))

func TestTeeworlds(t *testing.T) {
	wantProtocol(t, teeworldsGet, "teeworlds")
	wantNot(t, udp(8303, C("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffgie4\x05")), "teeworlds")
	testTruncations(t, "teeworlds", teeworldsGet, 13)
	wantNoAllocations(t, "teeworlds", teeworldsGet)
}

func FuzzTeeworlds(f *testing.F) { fuzzTalks(f, "teeworlds", teeworldsGet) }
