// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// iscsiLoginMessage builds a login message without padding.
func iscsiLoginMessage(opcode byte, text string) []byte {
	b := make([]byte, iscsiHeader, iscsiHeader+len(text))
	b[0], b[7] = opcode, byte(len(text))
	return append(b, text...)
}

// Built from RFC 7143 §11.12.
var (
	iscsiTalk = tcp(3260, C(iscsiLoginMessage(0x43, "InitiatorName=iqn.2001-04.com.example\x00TargetName=iqn.2001-04."+
		"com.target\x00")), S(iscsiLoginMessage(0x23, "TargetPortalGroupTag=1\x00")))
	// §11.3 and §11.7: a command of six bytes in mid-session, and the requested data.
	iscsiMidflow = talk{Over: dissect.TCP, ServerPort: 3260, Midstream: true, Says: []say{
		CX("41c10000 00000000 0001000000000000 0000002a 00000024 00000777 00000a01 12000000240000000000000000000000"),
		SX("25810000 00000024 0001000000000000 0000002a ffffffff 00000a01 00000778 000007b7 00000000 00000000 " +
			"00000000")}}
)

func TestISCSI(t *testing.T) {
	wantProtocol(t, iscsiTalk, "iscsi", `"initiator":"iqn.2001-04.com.example"`, `"target":"iqn.2001-04.com.target"`)
	wantProtocol(t, iscsiMidflow, "iscsi")
	wantNot(t, talk{Over: dissect.TCP, ServerPort: 3260, Midstream: true, Says: []say{iscsiMidflow.Says[0],
		S(strings.Replace(string(iscsiMidflow.Says[1].Bytes), "\x00\x00\x00\x2a", "\x00\x00\x00\x2b", 1))}}, "iscsi")
	testTruncations(t, "iscsi", iscsiMidflow, 48)
	wantNoAllocations(t, "iscsi", iscsiMidflow)
	wantNot(t, tcp(3260, C(iscsiLoginMessage(0x43, ""))), "iscsi")
	wantNot(t, tcp(3260, C(iscsiLoginMessage(0x43, "novalue\x00"))), "iscsi")
	testTruncations(t, "iscsi", iscsiTalk, 48)
	wantNoAllocations(t, "iscsi", iscsiTalk)
}

func FuzzISCSI(f *testing.F) { fuzzTalks(f, "iscsi", iscsiTalk, iscsiMidflow) }
