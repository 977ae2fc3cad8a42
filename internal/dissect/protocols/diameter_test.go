// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// A capabilities exchange, built after RFC 6733 §5.3.1.
var (
	diameterTCP = tcp(3868, CX("01 000030 80 000101 00000000 00000001 00000002"+"00000108 40 00000c 612e6578"+
		"00000128 40 00000f 6578616d706c65 00"))
	diameterSCTP = talk{Over: dissect.SCTP, ServerPort: 3868,
		Says: []say{sctpTalk.Says[0], C(sctpChunk(string(diameterTCP.Says[0].Bytes)))}}
)

func TestDiameter(t *testing.T) {
	wantProtocol(t, diameterTCP, "diameter", `"command":257`, `"origin_host":"a.ex"`, `"origin_realm":"example"`,
		`"request":true`)
	wantProtocol(t, diameterSCTP, "diameter")
	wantNot(t, tcp(3868, CX("01 000033 80 000101 00000000 00000001 00000002 00000108 40 00000c 612e6578")), "diameter")
	wantNot(t, tcp(3868, CX("01 000034 80 000101 00000000 00000001 00000002 00000108 40 000004 612e6578")), "diameter")
	testTruncations(t, "diameter", diameterTCP, 28)
	testTruncations(t, "diameter", diameterSCTP, 28)
	wantNoAllocations(t, "diameter", diameterTCP)
}

func FuzzDiameter(f *testing.F) { fuzzTalks(f, "diameter", diameterTCP) }
