// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Built by hand from RFC 2637 §2.1 and §2.5.
var (
	pptpStart = tcp(1723, C(string(unhex("009c 0001 1a2b3c4d 0001 0000 0100 0000 00000003 00000003 0000 0001"))+
		"gateway"+strings.Repeat("\x00", 57)+"Example"+strings.Repeat("\x00", 57)))
	pptpEcho = tcp(1723, CX("0010 0001 1a2b3c4d 0005 0000 00000007"))
)

func TestPPTP(t *testing.T) {
	wantProtocol(t, pptpStart, "pptp", `"version":1`, `"host":"gateway"`, `"vendor":"Example"`)
	wantProtocol(t, pptpEcho, "pptp")
	wantNot(t, tcp(1723, CX("0010 0001 1a2b3c4d 0001 0000 00000007")), "pptp")
	wantNot(t, tcp(1723, CX("0010 0001 1a2b3c4e 0005 0000 00000007")), "pptp")
	testTruncations(t, "pptp", pptpStart, pptpHeader)
	wantNoAllocations(t, "pptp", pptpStart)
}

func FuzzPPTP(f *testing.F) { fuzzTalks(f, "pptp", pptpStart, pptpEcho) }
