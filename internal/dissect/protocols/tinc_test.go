// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The lines are those of the manual's §6.3.1.
var tincMeta = tcp(655, C("0 client 17\n"), S("0 server 17\n1 94 64 0 0 5f0823a93e35b69e\n"))

func TestTinc(t *testing.T) {
	wantProtocol(t, tincMeta, "tinc", `"node":"client"`)
	wantProtocol(t, tcp(4000, C("0 a_b 17.7\n1 94 64 0 0 5f08\n")), "tinc")
	wantNot(t, tcp(655, C("0 client 18\n"), S("0 server 18\n")), "tinc")
	wantNot(t, tcp(655, C("0 client 17\n"), S("no\n")), "tinc")
	wantNot(t, tcp(655, C("0 ../etc 17\n"), S("0 server 17\n")), "tinc")
	testTruncations(t, "tinc", tincMeta, 99)
	wantNoAllocations(t, "tinc", tincMeta)
}

func FuzzTinc(f *testing.F) { fuzzTalks(f, "tinc", tincMeta) }
