// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// Built by hand from public descriptions: the acceptor's request, and a message in the middle of a session.
var (
	lustreConnect = tcp(988, CX("0071ceac 01000000 010200c000000200"))
	lustreMidflow = talk{Over: dissect.TCP, ServerPort: 988, Midstream: true, Says: []say{C(lustrePut), S(lustrePut)}}
	lustrePut     = string(unhex(
		"c1000000 00000000 0000000000000000 0000000000000000 020200c000000200 010200c000000200"+
			"39300000 39300000 01000000 04000000")) + strings.Repeat("\xff", 40) + "abcd"
)

func TestLustre(t *testing.T) {
	wantProtocol(t, lustreConnect, "lustre")
	wantProtocol(t, tcp(4000, CX("acce7100 00000001 00020000c0000201")), "lustre")
	wantNot(t, tcp(988, CX("0071ceac 01000001 010200c000000200")), "lustre")
	wantProtocol(t, lustreMidflow, "lustre")
	wantProtocol(t, talk{Over: dissect.TCP, ServerPort: 4000, Midstream: true, Says: []say{C("the end of another"),
		S(lustrePut)}}, "lustre")
	wantNot(t, tcp(988, C(lustrePut[:24]+"\x02\x02\x00\xc0\x00\x00\x03\x00"+lustrePut[32:])), "lustre")
	testTruncations(t, "lustre", lustreMidflow, lustreHeader)
	wantNoAllocations(t, "lustre", lustreMidflow)
	testTruncations(t, "lustre", lustreConnect, 8)
	wantNoAllocations(t, "lustre", lustreConnect)
}

func FuzzLustre(f *testing.F) { fuzzTalks(f, "lustre", lustreConnect, lustreMidflow) }
