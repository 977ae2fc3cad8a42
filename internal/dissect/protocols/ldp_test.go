// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 5036 §3.5.2 and §3.5.4.
var (
	ldpHello     = udp(646, CX("0001 001e c0000201 0000 0100 0014 00000001 0400 0004 000f 0000 0401 0004 c0000201"))
	ldpKeepAlive = tcp(646, CX("0001 000e c0000201 0000 0201 0004 00000002"))
)

func TestLDP(t *testing.T) {
	wantProtocol(t, ldpHello, "ldp", `"router_id":"192.0.2.1"`, `"message":"hello"`)
	wantProtocol(t, ldpKeepAlive, "ldp", `"message":"keep-alive"`)
	wantNot(t, udp(646, CX("0002 001e c0000201 0000 0100 0014 00000001 0400 0004 000f 0000 0401 0004 c0000201")), "ldp")
	wantNot(t, tcp(646, CX("0001 000e c0000201 0000 0205 0004 00000002")), "ldp")
	testTruncations(t, "ldp", ldpHello, 18)
	testTruncations(t, "ldp", ldpKeepAlive, 18)
	wantNoAllocations(t, "ldp", ldpHello)
}

func FuzzLDP(f *testing.F) { fuzzTalks(f, "ldp", ldpHello, ldpKeepAlive) }
