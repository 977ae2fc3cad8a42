// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specifications' header figures.
var (
	gtpEcho1   = udp(2123, CX("32 01 0004 00000000 0001 0000"))
	gtpEcho2   = udp(2123, CX("40 01 0009 000001 00 03 0001 00 07"))
	gtpSession = udp(2123, CX("48 20 0014 00000000 000002 00 01 0008 00 0021436587092143"))
)

func TestGTP(t *testing.T) {
	wantProtocol(t, gtpEcho1, "gtp-c", `"version":1`)
	wantProtocol(t, gtpEcho2, "gtp-c", `"version":2`)
	wantProtocol(t, gtpSession, "gtp-c", `"message_type":32`)
	wantNot(t, udp(2123, CX("32 01 0005 00000000 0001 0000")), "gtp-c")
	wantNot(t, udp(2123, CX("48 20 0014 00000000 000002 00 01 0009 00 0021436587092143")), "gtp-c")
	for _, k := range []talk{gtpEcho1, gtpEcho2, gtpSession} {
		testTruncations(t, "gtp-c", k, 6)
		wantNoAllocations(t, "gtp-c", k)
	}
}

func FuzzGTP(f *testing.F) { fuzzTalks(f, "gtp-c", gtpEcho1, gtpEcho2, gtpSession) }
