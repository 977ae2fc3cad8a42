// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 8175 §12.
var (
	dlepDiscover = udp(854, CX("444c4550 0001 0000"))
	dlepSession  = tcp(854, CX("0001 000e 0005 0004 00007530 0004 0002 0041"))
)

func TestDLEP(t *testing.T) {
	wantProtocol(t, dlepDiscover, "dlep", `"signal":1`)
	wantProtocol(t, dlepSession, "dlep", `"message":1`)
	wantNot(t, udp(854, CX("444c4550 0003 0000")), "dlep")
	wantNot(t, tcp(854, CX("0001 000e 0006 0004 00007530 0004 0002 0041")), "dlep")
	testTruncations(t, "dlep", dlepDiscover, 8)
	testTruncations(t, "dlep", dlepSession, 18)
	wantNoAllocations(t, "dlep", dlepSession)
}

func FuzzDLEP(f *testing.F) { fuzzTalks(f, "dlep", dlepDiscover, dlepSession) }
