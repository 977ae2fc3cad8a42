// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from §9: identification request, routing activation.
var (
	doipIdentify = udp(13400, CX("02fd 0001 00000000"))
	doipActivate = tcp(4000, CX("02fd 0005 00000007 0e00 00 00000000"))
)

func TestDoIP(t *testing.T) {
	wantProtocol(t, doipIdentify, "doip", `"payload_type":1`)
	wantProtocol(t, doipActivate, "doip", `"payload_type":5`)
	wantNot(t, udp(13400, CX("02fc 0001 00000000")), "doip")
	wantNot(t, udp(13400, CX("02fd 0001 00000001")), "doip")
	wantNot(t, tcp(4000, CX("02fd 0000 00000001 04")), "doip") // an answer without a request
	testTruncations(t, "doip", doipActivate, 8)
	wantNoAllocations(t, "doip", doipIdentify)
}

func FuzzDoIP(f *testing.F) { fuzzTalks(f, "doip", doipIdentify, doipActivate) }
